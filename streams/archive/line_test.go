package archive

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"rosey/streams"
)

// oddMessages are messages that a careless line would change.
func oddMessages() []streams.Message {
	at := time.Date(2026, 3, 1, 20, 15, 0, 123456789, time.UTC)
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	var list []streams.Message
	for _, data := range []string{
		``, `{}`, `{"a":1}`, ` {"a":1}`, `{"a":1} `, "{\n\"a\": 1\n}", "{\"a\":\r1}", `{"a":1}}`, `"data_base64"`, `null`, `no json`, "\xff\xfe\x00",
		"{\"a\":\"\xff\"}", `{"a":"<&>\u2028 ü"}`, "{\"a\":\"\u2028\"}", `{"a":1,"a":2}`, `1e400`, deep, strings.Repeat("x", 300<<10),
		`{"a":"` + strings.Repeat("y", 600<<10) + `"}`, "\n", " ", `}`, `","data":`,
	} {
		list = append(list, streams.Message{Subject: "rosey.db.message.log", MsgID: "p1-1", Header: nats.Header{msgIDHeader: {"p1-1"}}, Data: []byte(data)})
	}
	for _, h := range []nats.Header{
		nil,
		{"Nats-Expected-Stream": {"ROSEY"}},
		{"Nats-Expected-Stream": {"ROSEY"}, "traceparent": {"00-ab-cd-01"}, "Empty": {""}, "Twice": {"a", "b"}},
		{"Bad": {"\xff"}, "Good": {"x"}},
		{"B\xffd": {"x"}},
		{"Quote\"}": {`"}],"data":{}`}},
		{msgIDHeader: {"one", "two"}},
		{msgIDHeader: {"\xff"}},
		{msgIDHeader: {""}},
	} {
		m := streams.Message{Subject: "rosey.db.bot.started", Header: h, Data: []byte(`{"x":1}`)}
		if ids := h[msgIDHeader]; len(ids) > 0 {
			m.MsgID = ids[0]
		}
		list = append(list, m)
	}
	list = append(list, streams.Message{Subject: "rosey.db.cytube.\xff\"x\\", Data: []byte(`{}`)})
	for i := range list {
		list[i].Seq, list[i].Time = uint64(i+1), at.Add(time.Duration(i)*time.Nanosecond)
	}
	return list
}

// equal compares two messages whole.
func equal(a, b streams.Message) bool {
	if len(a.Header) == 0 && len(b.Header) == 0 {
		a.Header, b.Header = nil, nil
	}
	if len(a.Data) == 0 && len(b.Data) == 0 {
		a.Data, b.Data = nil, nil
	}
	return a.Time.Equal(b.Time) && a.Seq == b.Seq && a.Subject == b.Subject && a.MsgID == b.MsgID &&
		bytes.Equal(a.Data, b.Data) && reflect.DeepEqual(a.Header, b.Header)
}

func TestLine_EveryMessageComesBackAsItWas(t *testing.T) {
	t.Parallel()
	var p lineParser
	for _, m := range oddMessages() {
		before := maps.Clone(m.Header)
		line, err := appendLine(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(m.Header, before) {
			t.Errorf("seq=%d: the message's own header was changed", m.Seq)
		}
		if bytes.Count(line, []byte("\n")) != 1 || !json.Valid(line) {
			t.Errorf("seq=%d is not one line of JSON: %.200q", m.Seq, line)
		}
		got, err := p.parse(line[:len(line)-1])
		if err != nil {
			t.Errorf("seq=%d: %v in %.200q", m.Seq, err, line)
			continue
		}
		if !equal(got, m) {
			t.Errorf("seq=%d came back as %.300v\nwant %.300v", m.Seq, got, m)
		}
	}
}

func TestLine_WithoutHeadersKeepsTheID(t *testing.T) {
	t.Parallel()
	p := lineParser{noHeaders: true}
	for _, m := range oddMessages() {
		line, err := appendLine(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.parse(line[:len(line)-1])
		if err != nil || got.MsgID != m.MsgID || got.Header != nil || !bytes.Equal(got.Data, m.Data) {
			t.Errorf("seq=%d came back as %.300v, %v", m.Seq, got, err)
		}
	}
}

func TestLine_SharesNothing(t *testing.T) {
	t.Parallel()
	var p lineParser
	line, err := appendLine(nil, streams.Message{
		Seq: 1, Time: time.Unix(1, 0), Subject: "rosey.db.user.left", MsgID: "a-1",
		Header: nats.Header{msgIDHeader: {"a-1"}, "X": {"y"}}, Data: []byte(`{"a":1}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	line = line[:len(line)-1]
	one, err := p.parse(line)
	if err != nil {
		t.Fatal(err)
	}
	two, err := p.parse(line)
	if err != nil {
		t.Fatal(err)
	}
	clear(line)
	two.Header.Set("X", "changed")
	if string(one.Data) != `{"a":1}` || one.Subject != "rosey.db.user.left" || one.Header.Get("X") != "y" {
		t.Errorf("the message changed with its line or the next message: %v", one)
	}
}

func FuzzLine(f *testing.F) {
	for _, m := range oddMessages() {
		line, err := appendLine(nil, m)
		if err != nil {
			f.Fatal(err)
		}
		if len(line) < 4096 {
			f.Add(line[:len(line)-1])
		}
	}
	f.Add([]byte(`{"seq":1,"time":"2026-03-01T20:15:00Z","subject":"a","header":{"a":null},"data":{}}`))
	f.Add([]byte(`{"seq":18446744073709551615,"time":"2026-03-01T20:15:00+01:00","subject":"\ud800","data_base64":""}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var p lineParser
		m, err := p.parse(line)
		if err != nil {
			return
		}
		again, err := appendLine(nil, m)
		if err != nil {
			t.Fatalf("%q was read and cannot be written: %v", line, err)
		}
		got, err := p.parse(again[:len(again)-1])
		if err != nil || !equal(got, m) {
			t.Fatalf("%q came back as %v, %v\nwant %v", line, got, err, m)
		}
	})
}

func FuzzManifest(f *testing.F) {
	m := newManifest(streams.Identity{ID: "id", Created: time.Unix(1, 2)}, 5)
	add := func() {
		data, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	add()
	sum := strings.Repeat("0", 64)
	m = m.with(Segment{Name: segmentName(5, 9, 0), FirstSeq: 5, LastSeq: 9, Messages: 4, Erased: 1, SHA256: sum, ContentSHA256: sum})
	add()
	m = m.with(Segment{Name: segmentName(10, 10, 2), FirstSeq: 10, LastSeq: 10, Messages: 1, Rewritten: 2, SHA256: sum, ContentSHA256: sum})
	add()
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseManifest(data)
		if err != nil {
			return
		}
		next, messages := m.FirstSeq, uint64(0)
		for _, s := range m.Segments {
			if s.FirstSeq != next || s.LastSeq < next || strings.ContainsAny(s.Name, "/\\") {
				t.Fatalf("segments do not follow each other: %+v", m)
			}
			next, messages = s.LastSeq+1, messages+s.Messages
		}
		if m.LastSeq+1 != next || m.Messages != messages {
			t.Fatalf("accepted %+v", m)
		}
	})
}
