package bot

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"rosey/bot/cytube"
	"rosey/events"
)

// carried returns the frame that a carrier carries, bulky arguments put back.
func carried(t testing.TB, e *events.Event) (event string, args []json.RawMessage) {
	t.Helper()
	var data struct {
		Event  string            `json:"event"`
		Args   []json.RawMessage `json:"args"`
		ArgsIn string            `json:"args_in"`
	}
	if err := json.Unmarshal(e.PlatformData, &data); err != nil {
		t.Fatalf("platform_data of %s: %v", e.Kind, err)
	}
	if data.ArgsIn == "" {
		return data.Event, data.Args
	}
	encoded, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(encoded, &fields); err != nil {
		t.Fatal(err)
	}
	if fields[data.ArgsIn] == nil {
		t.Fatalf("%s has no field %q", e.Kind, data.ArgsIn)
	}
	return data.Event, []json.RawMessage{fields[data.ArgsIn]}
}

func sameArgs(t testing.TB, got, want []json.RawMessage) bool {
	t.Helper()
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		var g, w bytes.Buffer
		if err := json.Compact(&g, got[i]); err != nil {
			t.Fatal(err)
		}
		if err := json.Compact(&w, want[i]); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(g.Bytes(), w.Bytes()) {
			return false
		}
	}
	return true
}

// checkItem translates one item and checks what holds for every item.
func checkItem(t testing.TB, tr *Translator, item cytube.Item) []*events.Event {
	t.Helper()
	out := tr.Translate(item)
	f, isFrame := item.(cytube.Frame)
	for i, e := range out {
		isCarrier := e.PlatformData != nil
		if isCarrier != (isFrame && i == 0) {
			t.Fatalf("event %d (%s) of %T: carrier is %v", i, e.Kind, item, isCarrier)
		}
		if e.ID != "" || e.ReceivedMS != itemTime(item).UnixMilli() {
			t.Fatalf("%s: id %q received %d", e.Kind, e.ID, e.ReceivedMS)
		}
	}
	if isFrame {
		if len(out) == 0 {
			t.Fatalf("frame %s gave no event", f.Event)
		}
		event, args := carried(t, out[0])
		if want := redact(f.Event, f.Args); event != f.Event || !sameArgs(t, args, want) {
			t.Fatalf("%s carries %s %s, want %s", out[0].Kind, event, args, want)
		}
	}
	return out
}

func TestTranslator_EachFrameHasOneCarrier(t *testing.T) {
	t.Parallel()
	for _, name := range recordings(t) {
		tr := newTestTranslator()
		for _, item := range readRecording(t, name) {
			for _, e := range checkItem(t, tr, item) {
				roundTrip(t, e)
			}
		}
		if n := tr.Malformed(); n != 0 {
			t.Errorf("%s: %d frames of a real server were malformed", name, n)
		}
	}
}

// roundTrip makes sure that what the bot appends can be read again.
func roundTrip(t testing.TB, e *events.Event) {
	t.Helper()
	first, err := events.Encode(e)
	if err != nil {
		t.Fatalf("encode %s: %v", e.Kind, err)
	}
	if !json.Valid(first) {
		t.Fatalf("%s is not JSON: %q", e.Kind, first)
	}
	back, err := events.Decode(e.Kind, first)
	if err != nil {
		t.Fatalf("decode %s: %v\n%s", e.Kind, err, first)
	}
	second, err := events.Encode(back)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Fatalf("%s changed:\n%s\n%s", e.Kind, first, second)
	}
}

// secrets collects every address, password and alias that the recordings hold.
// An alias that is also a name seen in the channel is no secret by itself.
func secrets(t *testing.T, items []cytube.Item) (addresses, lists map[string]bool) {
	t.Helper()
	addresses, lists = map[string]bool{}, map[string]bool{}
	var walk func(event string, v any)
	walk = func(event string, v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(event, x)
			}
		case map[string]any:
			for key, x := range v {
				text, isText := x.(string)
				switch {
				case key == "ip" && isText && text != "*":
					addresses[text] = true
				case key == "password" && isText:
					addresses[text] = true
				case key == "aliases":
					data, err := json.Marshal(x)
					if err != nil {
						t.Fatal(err)
					}
					lists[`"aliases":`+string(data)] = true
				default:
					walk(event, x)
				}
			}
		case string:
			for _, m := range regexp.MustCompile(`\+Jk\.[^ )]*|yFA\.[^ )]*`).FindAllString(v, -1) {
				addresses[strings.TrimRight(m, ",")] = true
			}
			for _, m := range regexp.MustCompile(`\(aliases: [^)]*\)`).FindAllString(v, -1) {
				lists[m] = true
			}
		}
	}
	for _, item := range items {
		if f, ok := item.(cytube.Frame); ok {
			for _, arg := range f.Args {
				var v any
				if err := json.Unmarshal(arg, &v); err != nil {
					t.Fatal(err)
				}
				walk(f.Event, v)
			}
		}
	}
	return addresses, lists
}

func TestTranslator_NoSecretSurvives(t *testing.T) {
	t.Parallel()
	known, knownLists := map[string]bool{}, map[string]bool{}
	for _, name := range recordings(t) {
		items := readRecording(t, name)
		addresses, lists := secrets(t, items)
		out := string(encodeLines(t, translateAll(newTestTranslator(), items)))
		for a := range addresses {
			known[a] = true
			if a != "" && strings.Contains(out, a) {
				t.Errorf("%s: %q survives", name, a)
			}
		}
		for l := range lists {
			knownLists[l] = true
			if strings.Contains(out, l) {
				t.Errorf("%s: %q survives", name, l)
			}
		}
	}
	if len(known) < 50 || len(knownLists) < 10 {
		t.Errorf("found %d addresses and passwords and %d lists of aliases in the recordings; the search is broken", len(known), len(knownLists))
	}
}

func FuzzTranslate(f *testing.F) {
	for _, name := range []string{"playlist", "moderation", "polls", "password-channel"} {
		for i, item := range readRecording(f, name) {
			if frame, ok := item.(cytube.Frame); ok && i%4 == 0 {
				args, err := json.Marshal(frame.Args)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(frame.Event, args)
			}
		}
	}
	for event := range readings {
		f.Add(event, []byte(`[null]`))
		f.Add(event, []byte(`[]`))
		f.Add(event, []byte(`[{"name":null,"uid":"x","ip":"\ud83d"}]`))
	}
	f.Add("chatMsg", []byte(`[{"username":"[server]","msg":"\ud83d 1.2.3.4","time":1e300}]`))
	f.Fuzz(func(t *testing.T, event string, args []byte) {
		if len(args) == 0 || args[0] != '[' {
			args = append(append([]byte{'['}, args...), ']')
		}
		var list []json.RawMessage
		if json.Unmarshal(args, &list) != nil {
			return
		}
		tr := newTestTranslator()
		at := time.UnixMilli(1_700_000_000_000)
		all := tr.Translate(cytube.Connected{At: at})
		for _, item := range smallJoin {
			all = append(all, tr.Translate(item)...)
		}
		for range 2 {
			out := tr.Translate(cytube.Frame{Event: event, Args: list, At: at})
			if len(out) == 0 || out[0].PlatformData == nil {
				t.Fatalf("frame without a carrier")
			}
			if !strings.HasPrefix(string(out[0].Kind), events.KindCyTubePrefix) {
				if r := readings[event]; r.kind != out[0].Kind {
					t.Fatalf("%s became %s", event, out[0].Kind)
				}
			}
			all = append(all, out...)
			all = append(all, tr.Translate(cytube.Unreadable{At: at, Bytes: len(args), Reason: cytube.UnreadableJSON})...)
			at = at.Add(5 * time.Second)
			all = append(all, tr.Tick(at)...)
		}
		all = append(all, tr.Translate(cytube.Disconnected{At: at})...)
		for _, e := range all {
			roundTrip(t, e)
			if kind, _, ok := events.ParseSubject(events.Subject(e.Kind)); !ok || kind != e.Kind {
				t.Fatalf("kind %q has no subject of its own", e.Kind)
			}
		}
	})
}

// smallJoin is a small join, so that fuzzed frames meet some state.
var smallJoin = []cytube.Item{
	cytube.Frame{Event: "login", Args: []json.RawMessage{[]byte(`{"success":true,"name":"rosey"}`)}},
	cytube.Frame{Event: "playlist", Args: []json.RawMessage{[]byte(`[{"media":{"id":"a","title":"A","seconds":1,"duration":"00:01","type":"yt"},"uid":1,"temp":true,"queueby":"ann"}]`)}},
	cytube.Frame{Event: "setCurrent", Args: []json.RawMessage{[]byte(`1`)}},
	cytube.Frame{Event: "changeMedia", Args: []json.RawMessage{[]byte(`{"id":"a","title":"A","seconds":1,"duration":"00:01","type":"yt","currentTime":0,"paused":false}`)}},
	cytube.Frame{Event: "userlist", Args: []json.RawMessage{[]byte(`[{"name":"rosey","rank":3,"meta":{"afk":false}}]`)}},
	cytube.Joined{Name: "rosey"},
}
