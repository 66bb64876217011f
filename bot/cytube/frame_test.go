package cytube

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"rosey/bot/cytube/cytubetest"
)

func TestParsePacket(t *testing.T) {
	t.Parallel()
	tests := []struct {
		frame string
		kind  packetKind // 0: not a packet
		event string
		args  string // joined with |
	}{
		{`0{"sid":"x"}`, packetOpen, "", ""},
		{"1", packetClose, "", ""},
		{"2", packetPing, "", ""},
		{"2probe", packetPing, "", ""},
		{"3", packetPong, "", ""},
		{"6", packetNoop, "", ""},
		{"40", packetConnect, "", ""},
		{`40{"sid":"x"}`, packetConnect, "", ""},
		{"41", packetDisconnect, "", ""},
		{`42["rank",-1]`, packetEvent, "rank", "-1"},
		{`42["clearVoteskipVote"]`, packetEvent, "clearVoteskipVote", ""},
		{`42["closePoll",null]`, packetEvent, "closePoll", "null"},
		{`4217["x",{"a":[1,2]},"b"]`, packetEvent, "x", `{"a":[1,2]}|"b"`},
		{`42/,["x"]`, packetEvent, "x", ""},
		{`42["` + "\xff" + `"]`, packetEvent, "\uFFFD", ""},
		{`431[{}]`, packetAck, "", "{}"},
		{`44{"message":"no"}`, packetConnectError, "", ""},
		{"", 0, "", ""},
		{"4", 0, "", ""},
		{"5", 0, "", ""},
		{"x", 0, "", ""},
		{"45", 0, "", ""},
		{"42", 0, "", ""},
		{"42[]", 0, "", ""},
		{"42[7]", 0, "", ""},
		{`42["x"`, 0, "", ""},
		{`42["x"]]`, 0, "", ""},
		{`42{"x":1}`, 0, "", ""},
		{"43[{}]", 0, "", ""},
		{"44{", 0, "", ""},
		{"0{", 0, "", ""},
	}
	for _, tt := range tests {
		p, err := parsePacket([]byte(tt.frame))
		if tt.kind == 0 {
			if !errors.Is(err, errNoPacket) {
				t.Errorf("%q: error %v, want %v", tt.frame, err, errNoPacket)
			}
			continue
		}
		args := make([]string, len(p.args))
		for i, a := range p.args {
			args[i] = string(a)
		}
		if err != nil || p.kind != tt.kind || p.event != tt.event || strings.Join(args, "|") != tt.args {
			t.Errorf("%q: kind %d, event %q, args %q, %v; want %d, %q, %q", tt.frame, p.kind, p.event, args, err, tt.kind, tt.event, tt.args)
		}
	}
}

func TestParsePacket_Namespace(t *testing.T) {
	t.Parallel()
	p, err := parsePacket([]byte(`44/nowhere,{"message":"Invalid namespace"}`))
	if err != nil || p.namespace != "/nowhere" || p.kind != packetConnectError {
		t.Errorf("namespace %q, kind %d, %v", p.namespace, p.kind, err)
	}
}

func TestParsePacket_KeepsNoReferenceToTheFrame(t *testing.T) {
	t.Parallel()
	frame := []byte(`42["event",{"a":"b"}]`)
	p, err := parsePacket(frame)
	if err != nil {
		t.Fatal(err)
	}
	for i := range frame {
		frame[i] = '#'
	}
	if p.event != "event" || string(p.args[0]) != `{"a":"b"}` {
		t.Errorf("changed with the frame: %q %q", p.event, p.args)
	}
}

func TestEncodeEvent_LeavesTextAsItIs(t *testing.T) {
	t.Parallel()
	got, err := encodeEvent("chatMsg", map[string]string{"msg": "<a> & \u2028 🦒"})
	if err != nil {
		t.Fatal(err)
	}
	if want := `42["chatMsg",{"msg":"<a> & \u2028 🦒"}]`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := encodeEvent("x", make(chan int)); err == nil {
		t.Error("a channel was encoded")
	}
}

func FuzzParsePacket(f *testing.F) {
	files, err := os.ReadDir("testdata/wire")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		rec, err := cytubetest.LoadRecording("testdata/wire/" + file.Name())
		if err != nil {
			f.Fatal(err)
		}
		for _, c := range rec.Connections {
			for _, step := range c.Steps {
				if len(step.Frame) < 300 {
					f.Add([]byte(step.Frame))
				}
			}
		}
	}
	for _, tt := range unreadable {
		f.Add([]byte(tt.frame))
	}
	f.Add(nested(maxDepth))
	f.Add(nested(maxDepth + 1))
	f.Fuzz(func(t *testing.T, frame []byte) {
		before := bytes.Clone(frame)
		p, err := parsePacket(frame)
		if !bytes.Equal(before, frame) {
			t.Fatal("the frame was changed")
		}
		if err != nil {
			if p.namespace != "" || p.event != "" || p.args != nil || p.data != nil {
				t.Fatalf("an error and a packet: %v %v", p, err)
			}
			if bytes.HasPrefix(frame, []byte("42")) && p.kind != packetEvent {
				t.Fatalf("%q is taken for a %d", frame, p.kind)
			}
			return
		}
		for _, arg := range p.args {
			if !json.Valid(arg) {
				t.Fatalf("argument %q is not JSON", arg)
			}
			if !json.Valid(wrap(arg)) {
				t.Fatalf("an argument of %d bytes is nested too deeply to be stored", len(arg))
			}
		}
		if p.kind != packetEvent {
			return
		}
		args := make([]any, len(p.args))
		for i := range p.args {
			args[i] = p.args[i]
		}
		again, err := encodeEvent(p.event, args...)
		if err != nil {
			t.Fatal(err)
		}
		q, err := parsePacket(again)
		if err != nil || q.event != p.event || !slices.EqualFunc(q.args, p.args, sameJSON) {
			t.Fatalf("%q comes back as %q %q, %v", frame, q.event, q.args, err)
		}
	})
}

// sameJSON compares apart from white space, which encoding removes.
func sameJSON(a, b json.RawMessage) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}
