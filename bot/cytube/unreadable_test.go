package cytube

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rosey/bot/cytube/cytubetest"
)

// unreadable is one frame of each sort that may have been an event.
var unreadable = []struct{ frame, reason string }{
	{`42["x"`, UnreadableJSON},
	{"42[", UnreadableJSON},
	{`42["x"]]`, UnreadableJSON},
	{`42["x",{"a":}]`, UnreadableJSON},
	{`427["x",nul]`, UnreadableJSON},
	{string(nested(12_000)), UnreadableJSON},
	{"42", UnreadablePacket},
	{"42[]", UnreadablePacket},
	{"42[7]", UnreadablePacket},
	{`42{"x":1}`, UnreadablePacket},
	{`42/other,["x"]`, UnreadablePacket},
	{`42/other,[`, UnreadableJSON},
	{`451-["x",{"_placeholder":true,"num":0}]`, UnreadablePacket},
	{"", UnreadablePacket},
	{"4", UnreadablePacket},
	{"47", UnreadablePacket},
	{"9", UnreadablePacket},
	{"nonsense \xff", UnreadablePacket},
	{`["x"]`, UnreadablePacket},
}

// harmless frames hold no event, readable or not.
var harmless = []string{"2", "2probe", "3", "6", "40", `40{"sid":"x"}`, "40{", "40/other,", "43[]", "431[", `437[{}]`, "0{", "44/other,{"}

// nested is an event as deep as depth, brackets in its text not counted.
func nested(depth int) []byte {
	text := strings.Repeat(`[{\"`, maxDepth)
	return []byte(`42["deep","` + text + `",` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + "]")
}

// wrap nests an argument as its event in the stream does, and twice more for
// what shows events.
func wrap(arg json.RawMessage) []byte {
	return slices.Concat([]byte(`[{"event":{"platform_data":{"args":[`), arg, []byte(`]}}}]`))
}

func TestParsePacket_AsDeepAsCanBeStored(t *testing.T) {
	t.Parallel()
	p, err := parsePacket(nested(maxDepth))
	if err != nil || len(p.args) != 2 || !json.Valid(wrap(p.args[1])) {
		t.Errorf("%d levels: %d arguments, %v", maxDepth, len(p.args), err)
	}
	if p, err := parsePacket(nested(maxDepth + 1)); err == nil || p.kind != packetEvent || unreadableReason(err) != UnreadableJSON {
		t.Errorf("%d levels: kind %d, %v", maxDepth+1, p.kind, err)
	}
	// Many brackets are not deep.
	wide := []byte(`42["wide",[` + strings.Repeat(`{"a":"\\"},[],`, maxDepth) + `0]]`)
	if p, err := parsePacket(wide); err != nil || p.event != "wide" {
		t.Errorf("wide: %q, %v", p.event, err)
	}
}

// Each unreadable frame stands between two events, and so does what the client
// tells of it.
func TestClient_UnreadableFramesAreToldInTheirPlace(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	client := newClient(t, quickConfig(srv.URL(), srv.Name(), "rosey"))
	client.maxFrame = 200_000
	var got collector
	start(t, client, got.handle)
	eventually(t, "joined", func() bool { return client.State().Joined })

	type told struct {
		bytes  int
		reason string
	}
	var want []told
	n := 0
	mark := func() { srv.Event("mark", n); n++ }
	send := func(raw func(string), frame, reason string) {
		mark()
		raw(frame)
		want = append(want, told{len(frame), reason})
	}
	for _, tt := range unreadable {
		send(srv.Raw, tt.frame, tt.reason)
	}
	large := strings.Repeat("x", 200_000)
	send(srv.Raw, `42["big","`+large+`"]`, UnreadableOversized)
	send(srv.RawBinary, "\x00\x01\x02", UnreadableBinary)
	send(srv.RawBinary, `42["x"]`, UnreadableBinary)
	send(srv.RawBinary, "", UnreadableBinary)
	send(srv.RawBinary, large+"x", UnreadableOversized)
	mark()
	for _, frame := range harmless {
		srv.Raw(frame)
	}
	srv.Event("last")
	eventually(t, "the last event", func() bool { return slices.Contains(got.frames(), `42["last"]`) })

	var line []string // marks by number, what was unreadable by its reason and length
	var last time.Time
	for _, it := range got.all() {
		switch it := it.(type) {
		case Frame:
			if it.Event == "mark" {
				line = append(line, string(it.Args[0]))
			}
		case Unreadable:
			line = append(line, it.Reason+" "+strconv.Itoa(it.Bytes))
			if it.At.IsZero() || it.At.Before(last) {
				t.Errorf("%v: read at %s, after %s", it, it.At, last)
			}
			last = it.At
		}
	}
	var wantLine []string
	for i, w := range want {
		wantLine = append(wantLine, strconv.Itoa(i), w.reason+" "+strconv.Itoa(w.bytes))
	}
	wantLine = append(wantLine, strconv.Itoa(len(want)))
	if !slices.Equal(line, wantLine) {
		t.Errorf("got\n%q\nwant\n%q", line, wantLine)
	}
	const binary, broken = 3, 8 // of the harmless, only the pings, the pong, the noop and one acknowledgement are in order
	state := client.State()
	if bad := uint64(len(unreadable) + binary + broken); state.Oversized != 2 || state.BadFrames != bad {
		t.Errorf("%d oversized and %d bad frames, want 2 and %d", state.Oversized, state.BadFrames, bad)
	}
	if state.LastFrame.Before(last) {
		t.Errorf("last frame %s, the unreadable one came at %s", state.LastFrame, last)
	}
	if reasons := got.reasons(); len(reasons) > 0 {
		t.Errorf("the line ended: %q", reasons)
	}
}

// A session is Connected first: what comes before is no part of it.
func TestClient_NothingIsToldBeforeConnected(t *testing.T) {
	t.Parallel()
	rec, err := cytubetest.LoadRecording(wire("join-and-chat"))
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range rec.Connections {
		var steps []cytubetest.Step
		for _, s := range c.Steps {
			steps = append(steps, s)
			if !s.Out && (strings.HasPrefix(s.Frame, "0{") || strings.HasPrefix(s.Frame, "40")) {
				s.Frame = "42["
				steps = append(steps, s)
			}
		}
		rec.Connections[i].Steps = steps
	}
	player, err := cytubetest.NewPlayer(rec, cytubetest.PlayerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(player.Close)
	client := newClient(t, quickConfig(player.URL(), player.Channel(), player.User()))
	var got collector
	stop := start(t, client, got.handle)
	waitFor(t, "recording played", player.Done())
	_ = stop()
	items := got.all()
	if n := count[Unreadable](items); n == 0 || n != count[Connected](items) {
		t.Errorf("%d unreadable frames in %d sessions, want one in each", n, count[Connected](items))
	}
	for i, it := range items {
		if _, ok := it.(Connected); !ok {
			continue
		}
		if _, ok := items[i+1].(Unreadable); !ok {
			t.Errorf("Connected is followed by %T", items[i+1])
		}
	}
	if bad := client.State().BadFrames; bad != uint64(2*count[Connected](items)) {
		t.Errorf("%d bad frames, want two in each session", bad)
	}
}

func TestUnreadableError_QuotesNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range unreadable {
		if _, err := parsePacket([]byte(tt.frame)); err != nil && len(tt.frame) > 8 && bytes.Contains([]byte(err.Error()), []byte(tt.frame[4:])) {
			t.Errorf("%q is quoted: %v", tt.frame, err)
		}
	}
}
