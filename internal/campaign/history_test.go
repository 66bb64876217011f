package campaign

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// stored is an event of a made-up stream.
type stored struct {
	kind string
	data map[string]any
}

func ledgerOfSix() *talk { return &talk{times: []int64{100, 100, 101, 105, 105, 106}} }

func chat(id string, n int, history bool) stored {
	return stored{"message.log", map[string]any{
		"id": id, "time_ms": ledgerOfSix().times[n-1], "username": speaker(n), "message": text(n), "history": history,
	}}
}

func own(id, text string, history bool) stored {
	return stored{"message.log", map[string]any{"id": id, "time_ms": 107, "username": botName, "message": text, "history": history}}
}

func started(id, previous string, seq int) stored {
	return stored{"bot.started", map[string]any{"id": id, "previous": previous, "previous_seq": seq}}
}

// sound is what a stream holds after one run was killed: the second one was sent
// a line again that the first had.
func sound() []stored {
	return []stored{
		started("aaaaaaaaaaaaaaaa-1", "", 0), chat("aaaaaaaaaaaaaaaa-2", 1, false), chat("aaaaaaaaaaaaaaaa-3", 2, false), chat("aaaaaaaaaaaaaaaa-4", 3, false),
		started("bbbbbbbbbbbbbbbb-1", "aaaaaaaaaaaaaaaa", 4), chat("bbbbbbbbbbbbbbbb-2", 3, true), chat("bbbbbbbbbbbbbbbb-3", 4, true),
		chat("bbbbbbbbbbbbbbbb-4", 5, false), chat("bbbbbbbbbbbbbbbb-5", 6, false),
	}
}

func TestHistory_WhatItFinds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                        string
		change                      func([]stored) []stored
		lost, duplicated, different int
		says                        string
	}{
		{"nothing", func(s []stored) []stored { return s }, 0, 0, 0, ""},
		{"a line lost with its number", func(s []stored) []stored { return slices.Delete(s, 7, 8) }, 2, 0, 0, "line 5 is not in the stream"},
		{"the last line lost with its number", func(s []stored) []stored { return s[:8] }, 1, 0, 0, "line 6 is not in the stream"},
		{"the end of a run", func(s []stored) []stored { return slices.Delete(s, 3, 4) }, 1, 0, 0, "ends with 3, the next run says 4"},
		{"the same id again", func(s []stored) []stored { return slices.Insert(s, 7, s[5]) }, 0, 1, 0, "again"},
		{"a line again under another id", func(s []stored) []stored { return append(s, chat("bbbbbbbbbbbbbbbb-6", 6, false)) }, 0, 1, 0, "line 6 is there again"},
		{"a line of another time", func(s []stored) []stored { s[1].data["time_ms"] = 99; return s }, 1, 0, 1, "nobody said"},
		{"a line of another person", func(s []stored) []stored { s[1].data["username"] = "x"; return s }, 1, 0, 1, "nobody said"},
		{"a line of another text", func(s []stored) []stored { s[1].data["message"] = "1 x"; return s }, 1, 0, 1, "nobody said"},
		{"a line that comes too early", func(s []stored) []stored { s[1].data["message"] = "7 x"; return s }, 1, 0, 1, "nobody said"},
		{"a notice is no line", func(s []stored) []stored {
			n := chat("bbbbbbbbbbbbbbbb-6", 1, false)
			n.data["notice"] = "server"
			return append(s, n)
		}, 0, 0, 0, ""},
		{"the bot's own line, and again as history", func(s []stored) []stored {
			return append(s, own("bbbbbbbbbbbbbbbb-6", "mine", false), own("bbbbbbbbbbbbbbbb-7", "mine", true))
		}, 0, 0, 0, ""},
		{"the bot's own line again as it was said", func(s []stored) []stored {
			return append(s, own("bbbbbbbbbbbbbbbb-6", "mine", false), own("bbbbbbbbbbbbbbbb-7", "mine", false))
		}, 0, 1, 0, "a line of the bot's"},
		{"a line that the bot did not say", func(s []stored) []stored {
			return append(s, own("bbbbbbbbbbbbbbbb-6", "mine", true), own("bbbbbbbbbbbbbbbb-7", "not mine", false))
		}, 0, 0, 1, "the bot did not say"},
		{"an id that is none", func(s []stored) []stored { s[8].data["id"] = "x"; return s }, 0, 0, 1, `id "x"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			spoken := map[spokenLine]bool{}
			events := tt.change(sound())
			if slices.ContainsFunc(events, func(e stored) bool { return e.data["message"] == "mine" }) {
				spoken[spokenLine{107, "mine"}] = true
			}
			h := newHistory(ledgerOfSix(), spoken)
			for i, e := range events {
				data, err := json.Marshal(e.data)
				if err != nil {
					t.Fatal(err)
				}
				if err := h.add(fmt.Appendf(nil, `{"seq":%d,"subject":"rosey.db.%s","time":"2026-01-01T00:00:00Z","data":%s}`, i+1, e.kind, data)); err != nil {
					t.Fatal(err)
				}
			}
			f := h.finish()
			if len(f.lost) != tt.lost || len(f.duplicated) != tt.duplicated || len(f.differences) != tt.different {
				t.Errorf("lost %q, twice %q, different %q", f.lost, f.duplicated, f.differences)
			}
			if all := strings.Join(slices.Concat(f.lost, f.duplicated, f.differences), "; "); !strings.Contains(all, tt.says) {
				t.Errorf("it says %q, want %q", all, tt.says)
			}
		})
	}
}

func TestHistory_TheBotsOwnLineIsMissed(t *testing.T) {
	t.Parallel()
	f := newHistory(&talk{}, map[spokenLine]bool{{107, "mine"}: true}).finish()
	if len(f.lost) != 1 {
		t.Errorf("lost %q, want the bot's line", f.lost)
	}
}

func TestHistory_AHoleInTheStreamIsFound(t *testing.T) {
	t.Parallel()
	h := newHistory(&talk{}, nil)
	for _, seq := range []int{1, 3} {
		if err := h.add(fmt.Appendf(nil, `{"seq":%d,"subject":"rosey.db.bot.connected","data":{"id":"aaaaaaaaaaaaaaaa-%d"}}`, seq, (seq+1)/2)); err != nil {
			t.Fatal(err)
		}
	}
	if f := h.finish(); len(f.lost) != 1 {
		t.Errorf("found %q", f.lost)
	}
	if h.add([]byte("{")) == nil {
		t.Error("half a line was read")
	}
}

func TestNumberOf_LinesOfTheTalkAlone(t *testing.T) {
	t.Parallel()
	for n := 1; n < 100; n++ {
		if got, ok := numberOf(text(n)); !ok || got != n {
			t.Errorf("numberOf(%q) = %d, %t", text(n), got, ok)
		}
	}
	for _, other := range []string{"", "x", "0 x", "-1 x", "1x"} {
		if n, ok := numberOf(other); ok {
			t.Errorf("numberOf(%q) = %d", other, n)
		}
	}
}
