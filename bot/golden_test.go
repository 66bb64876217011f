package bot

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rosey/bot/cytube"
	"rosey/events"
)

var update = flag.Bool("update", false, "write the golden files anew")

func newTestTranslator() *Translator {
	return NewTranslator(TranslatorConfig{Channel: "rosey_test", Producer: "run", BotVersion: "test"})
}

func itemTime(item cytube.Item) time.Time {
	switch it := item.(type) {
	case cytube.Frame:
		return it.At
	case cytube.Unreadable:
		return it.At
	case cytube.Connected:
		return it.At
	case cytube.Joined:
		return it.At
	case cytube.Disconnected:
		return it.At
	}
	return time.Time{}
}

// translateAll runs a whole life of a bot: started, the items with a tick each
// second between them, stopped.
func translateAll(tr *Translator, items []cytube.Item) []*events.Event {
	if len(items) == 0 {
		return nil
	}
	now := itemTime(items[0])
	all := append(tr.Started(now, PreviousRun{Producer: "before", LastSeq: 7, Known: true}), tr.Recording(now, 1)...)
	for _, item := range items {
		at := itemTime(item)
		for next := now.Add(time.Second); !next.After(at); next = next.Add(time.Second) {
			all = append(all, tr.Tick(next)...)
			now = next
		}
		all = append(all, tr.Translate(item)...)
	}
	return append(all, tr.Stopped(itemTime(items[len(items)-1]))...)
}

// encodeLines writes one line an event: its kind, and what would travel.
func encodeLines(t testing.TB, all []*events.Event) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, e := range all {
		data, err := events.Encode(e)
		if err != nil {
			t.Fatalf("encode %s: %v", e.Kind, err)
		}
		b.WriteString(`{"kind":"` + string(e.Kind) + `","data":`)
		b.Write(data)
		b.WriteString("}\n")
	}
	return b.Bytes()
}

func TestTranslator_Recordings(t *testing.T) {
	t.Parallel()
	for _, name := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := encodeLines(t, translateAll(newTestTranslator(), readRecording(t, name)))
			golden := filepath.Join("testdata", "golden", name+".ndjson")
			if *update {
				if err := os.MkdirAll(filepath.Dir(golden), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				gotLine, wantLine := firstDifference(got, want)
				t.Errorf("events differ from %s; first:\n%s\nwant:\n%s", golden, gotLine, wantLine)
			}
		})
	}
}

func firstDifference(got, want []byte) (gotLine, wantLine []byte) {
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := 0; i < len(g) && i < len(w); i++ {
		if !bytes.Equal(g[i], w[i]) {
			return g[i], w[i]
		}
	}
	return nil, nil
}
