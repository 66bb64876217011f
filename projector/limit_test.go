package projector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rosey/events"
	"rosey/schema"

	"pgregory.net/rapid"
)

// limited projects one channel alone, the way of a rebuild.
func limited(t *rapid.T, path, channel string, items []Item, size int) string {
	ctx := context.Background()
	db, err := schema.CreateForLoading(ctx, path)
	must(t, err)
	must(t, schema.WriteOrigin(ctx, db, schema.Origin{Channel: channel}))
	cfg := testApplier()
	cfg.Loading, cfg.Channel = true, channel
	a, err := NewApplier(ctx, db, cfg)
	must(t, err)
	return loaded(t, db, a, items, size)
}

// restrict leaves of a dump what is about one channel, and what is about none.
func restrict(t *rapid.T, dump, channel string, items []Item) string {
	of := map[uint64]string{}
	for _, it := range items {
		of[it.Msg.Seq] = it.channel
		if it.Event != nil && !it.Event.Kind.Operator() {
			of[it.Msg.Seq] = it.Event.Channel
		}
	}
	var kept []string
	for _, line := range strings.Split(strings.TrimSuffix(dump, "\n"), "\n") {
		table, text, _ := strings.Cut(line, " ")
		var row struct {
			Channel *string
			Seq     uint64
		}
		must(t, json.Unmarshal([]byte(text), &row))
		name := ""
		switch {
		case table == "dead_letters":
			name = of[row.Seq]
		case row.Channel != nil:
			name = *row.Channel
		}
		if name == "" || strings.EqualFold(name, channel) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n") + "\n"
}

// What a limited database holds is exactly the part of the whole one: whatever the
// other channels do changes nothing.
func TestApplier_OneChannelIsItsPartOfTheWhole(t *testing.T) {
	t.Parallel()
	checks(t)
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		place := filepath.Join(dir, fmt.Sprint(n))
		defer func() { _ = os.RemoveAll(place) }()
		theme := rapid.SampledFrom(themes).Draw(rt, "theme")
		s := newScript()
		s.apart = true
		for _, st := range rapid.SliceOfN(stepGen(theme), 1, 60).Draw(rt, "steps") {
			s.play(st.play)
		}
		items := s.items()
		if len(items) == 0 {
			return
		}
		whole := projectLoading(rt, filepath.Join(place, "whole.db"), items, 20)
		for _, channel := range []string{strings.ToUpper(mainChannel), "radio"} {
			want := restrict(rt, whole, channel, items)
			got := limited(rt, filepath.Join(place, channel+".db"), channel, items, rapid.IntRange(1, 40).Draw(rt, "batch"))
			if got != want {
				rt.Fatalf("limited to %s the tables differ:\n%s\nevents:\n%s", channel, diff(want, got), told(items))
			}
		}
	})
}

func TestApplier_OneChannelKeepsWhatNobodyCanTell(t *testing.T) {
	t.Parallel()
	unreadable := func(subject string) step {
		return func(s *script) { s.store(subject, "", []byte("{")) }
	}
	s := newScript().play(
		posted("ann", "hi"), in("radio", posted("ann", "ho")),
		raw(events.KindMessageLog, "{"),
		unreadable(events.Subject(events.KindMessageLog)+".radio"), // the subject tells
		unreadable(events.Subject(events.KindMessageLog)+".tv"),
		raw(events.KindMessageLog, `{"channel":"radio","username":"x","time_ms":9223372036854775807}`), // as does what can be read
		in("radio", inParts(3, posted("bob", "in parts"))), inParts(2, posted("bob", "whole")),
		in("radio", raw(events.KindMarkSent, `{"channel":"radio","message":"x"}`)), // another's failure
	)
	path := filepath.Join(t.TempDir(), "tv.db")
	db, err := schema.CreateForLoading(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	cfg := testApplier()
	cfg.Loading, cfg.Channel = true, "TV"
	var start *StartError
	if _, err := NewApplier(t.Context(), db, cfg); !errors.Is(err, ErrOneChannel) || !errors.As(err, &start) {
		t.Errorf("error %v: a limit goes only with a database that says so", err)
	}
	if err := schema.WriteOrigin(t.Context(), db, schema.Origin{Channel: "tv"}); err != nil {
		t.Fatal(err)
	}
	if _, err := NewApplier(t.Context(), db, testApplier()); !errors.Is(err, ErrOneChannel) {
		t.Errorf("error %v: such a database goes only with its limit", err)
	}
	a, err := NewApplier(t.Context(), db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	res := applyAll(t, a, s.items()...)
	if err := a.Complete(t.Context()); err != nil {
		t.Fatal(err)
	}
	if res.Events != 3 || res.DeadLetters != 2 {
		t.Errorf("%+v, want three events and two dead letters", res)
	}
	wantRows(t, db, "chat", chatRows, "tv ann hi", "tv bob whole")
	wantRows(t, db, "dead letters", deadRows, "3 decode", "5 decode")
	wantRows(t, db, "waiting parts", "SELECT count(*) FROM event_parts", "0")
}

// The whole of a message in parts tells the channel, and no part of it.
func TestApplier_OneChannelTakesPartsByTheirWhole(t *testing.T) {
	t.Parallel()
	s := newScript().play(
		inParts(2, in("radio", posted("bob", "theirs"))),
		in("radio", inParts(2, in(mainChannel, posted("ann", "ours")))),
	)
	db, err := schema.CreateForLoading(t.Context(), filepath.Join(t.TempDir(), "tv.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := schema.WriteOrigin(t.Context(), db, schema.Origin{Channel: mainChannel}); err != nil {
		t.Fatal(err)
	}
	cfg := testApplier()
	cfg.Loading, cfg.Channel = true, mainChannel
	a, err := NewApplier(t.Context(), db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	applyAll(t, a, s.items()...)
	wantRows(t, db, "chat", chatRows, mainChannel+" ann ours")
}
