package projector

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"rosey/events"
	"rosey/schema"
	"rosey/schema/schematest"
	"rosey/streams"
)

func TestDeadLetters_TakeOneEventAndNoMore(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		bad   step
		class string
	}{
		{"no JSON", raw(events.KindMessageLog, "{"), ClassDecode},
		{"nothing at all", raw(events.KindMessageLog, ""), ClassDecode},
		{"no object", raw(events.KindMessageLog, "[]"), ClassDecode},
		{"more than an object", raw(events.KindMessageLog, "{} {}"), ClassDecode},
		{"a wrong type", raw(events.KindMessageLog, `{"username":7}`), ClassDecode},
		{"a time beyond all times", raw(events.KindMessageLog, `{"username":"x","time_ms":9223372036854775807}`), ClassDecode},
		{"a time before all times", raw(events.KindUserJoined, `{"username":"x","received_ms":-9223372036854775807}`), ClassDecode},
		{"a name that compares like another", raw(events.KindMessageLog, `{"username":"a\u0000b"}`), ClassDecode},
		{"such a name in a roster", raw(events.KindUserRoster, `{"users":[{"username":"a\u0000b"},{"username":"ok"}]}`), ClassDecode},
		{"a subject that carries no events", func(s *script) { s.store("rosey.db.query.status", "", []byte("{}")) }, ClassSubject},
		{"a playlist that is none", func(s *script) {
			s.say(events.KindPlaylistReplaced, &events.PlaylistReplaced{Raw: []byte(`{"a":1}`)})
		}, ClassFold},
		{"poll counts that are none", raw(events.KindPollOpened, `{"initiator":"ann","opened_ms":1,"counts":7}`), ClassFold},
		{"an outcome of nothing", raw(events.KindMarkSent, `{"message":"x"}`), ClassFold},
		{"a gap without an extent", raw(events.KindGapAccepted, `{"first_seq":9,"last_seq":3}`), ClassFold},
		{"an adoption of nothing", raw(events.KindStreamAdopted, `{"stream_id":"x"}`), ClassFold},
		{"a part of nothing", raw(events.KindBotPart, `{"of":"A-99","kind":"message.log","part":2,"parts":2,"data":"}"}`), ClassParts},
		{"parts of no JSON", raw(events.KindBotPart, `{"of":"A-99","kind":"message.log","part":1,"parts":1,"data":"{"}`), ClassParts},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			good := []step{arrived("ann"), posted("ann", "hi"), playing("x"), list(1, 2)}
			more := []step{after(time.Second), posted("ann", "ho"), moved(2, "prepend"), left("ann")}
			s := newScript().play(good...)
			at := s.seq + 1
			s.play(tt.bad).play(more...)
			db := schematest.Open(t)
			a := applier(t, db)
			res := applyAll(t, a, s.items()...)
			if res.DeadLetters != 1 || res.Events != len(s.messages)-1 {
				t.Errorf("applied %+v of %d messages with one bad one", res, len(s.messages))
			}
			if got := a.Checkpoint().Seq; got != s.seq {
				t.Errorf("checkpoint %d, want %d", got, s.seq)
			}
			wantRows(t, db, "dead letters", "SELECT seq, reason_class, length(reason) > 0 FROM dead_letters", strconv.FormatUint(at, 10)+" "+tt.class+" 1")
			var payload []byte
			if err := db.QueryRowContext(t.Context(), "SELECT payload FROM dead_letters").Scan(&payload); err != nil {
				t.Fatal(err)
			}
			if want := s.messages[at-1].Data; string(payload) != string(want) {
				t.Errorf("payload %q, want %q", payload, want)
			}
			// The rest is as if it had never been.
			wantRows(t, db, "chat", chatRows, "tv ann hi", "tv ann ho")
			wantRows(t, db, "sessions", sessionRows, "tv ann 0 1 roster leave")
			wantRows(t, db, "playlist", listRows, "1 2 0", "2 1 0")
			projected(t, append(append(good, tt.bad), more...)...)
		})
	}
}

func TestDeadLetters_AnUnknownKindIsNone(t *testing.T) {
	t.Parallel()
	db := projected(t, raw("user.danced", `{"username":"ann"}`), raw("cytube.somethingNew", `{"args":[1]}`), posted("ann", "hi"))
	wantRows(t, db, "dead letters", deadRows)
	wantRows(t, db, "chat", chatRows, "tv ann hi")
}

// rejecting is a projection that fails at certain lines, half way through what
// it does with them.
type rejecting struct{ seen []string }

func (r *rejecting) load(context.Context, schema.Queryer) error             { return nil }
func (r *rejecting) prepare(context.Context, schema.Queryer, []*fact) error { return nil }
func (r *rejecting) flush(context.Context, *writer) error                   { return nil }

func (r *rejecting) fold(f *fact) error {
	m, ok := f.Payload.(*events.MessageLog)
	if !ok {
		return nil
	}
	switch m.Message {
	case "panic":
		var nothing *events.MessageLog
		r.seen = append(r.seen, nothing.Username)
	case "reject":
		return errors.New("no")
	}
	return nil
}

// The last projection rejects what all others have folded: nothing of it stays.
func TestDeadLetters_ARejectionUndoesWhatOtherProjectionsFolded(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"panic", "reject"} {
		steps := []step{
			arrived("ann"), posted("ann", "hi"), posted("ann", what), afk("ann", true), posted("bob", what), posted("ann", "ho"), list(1, 2), moved(2, "prepend"),
		}
		items := newScript().play(steps...).items()
		want := ""
		for _, size := range []int{len(items), 1, 3} {
			db := schematest.Open(t)
			a, err := newApplier(t.Context(), db, testApplier(), append(definitions[:len(definitions):len(definitions)],
				definition{"rejecting", 1, func() projection { return &rejecting{} }}))
			if err != nil {
				t.Fatal(err)
			}
			dead := 0
			for at := 0; at < len(items); at += size {
				dead += applyAll(t, a, items[at:min(at+size, len(items))]...).DeadLetters
			}
			if dead != 2 {
				t.Errorf("%s: %d dead letters, want 2", what, dead)
			}
			wantRows(t, db, what+": dead letters", "SELECT seq, reason_class FROM dead_letters", "7 fold", "9 fold")
			wantRows(t, db, what+": chat", chatRows, "tv ann hi", "tv ann ho")
			wantRows(t, db, what+": lines", "SELECT username, total_chat_lines FROM user_stats", "ann 2")
			wantRows(t, db, what+": numbers", "SELECT last_seq, events, gaps FROM producer_positions", "12 12 []")
			got := schematest.Dump(t, db)
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("%s: in batches of %d the tables differ:\n%s", what, size, diff(want, got))
			}
			if what == "panic" {
				if reason := rows(t, db, "SELECT reason FROM dead_letters WHERE seq = 7"); !strings.Contains(reason, "deadletter_test.go:") {
					t.Errorf("reason %q does not say where the panic began", reason)
				}
			}
		}
	}
}

func TestParts_MakeAWhole(t *testing.T) {
	t.Parallel()
	const long = "a long line about nothing in particular, with ünïcödé in it"
	for _, tt := range []struct {
		name  string
		steps []step
		chat  []string
		dead  []string
		open  string
	}{
		{"in order", []step{inParts(3, posted("ann", long))}, []string{"tv ann " + long}, nil, "0"},
		{"one part", []step{inParts(1, posted("ann", long))}, []string{"tv ann " + long}, nil, "0"},
		{"many", []step{inParts(100, posted("ann", long))}, []string{"tv ann " + long}, nil, "0"},
		{"appended again", []step{inParts(2, posted("ann", long)), again(2), again(2)}, []string{"tv ann " + long}, nil, "0"},
		{"the first is missing", []step{partly(3, 1, posted("ann", long)), posted("bob", "hi")}, []string{"tv bob hi"}, []string{"1 parts", "2 parts"}, "0"},
		{"the middle is missing", []step{partly(3, 2, posted("ann", long)), posted("bob", "hi")}, []string{"tv bob hi"}, []string{"2 parts"}, "1"},
		{"the last is missing", []step{partly(3, 3, posted("ann", long)), posted("bob", "hi")}, []string{"tv bob hi"}, nil, "2"},
		{"a name used twice, by somebody who does not number", []step{
			raw(events.KindBotPart, `{"of":"x-1","kind":"message.log","part":1,"parts":2,"data":"{\"username\":\"ann\","}`),
			raw(events.KindBotPart, `{"of":"x-1","kind":"message.log","part":2,"parts":2,"data":"\"message\":\"hi\"}"}`),
			raw(events.KindBotPart, `{"of":"x-1","kind":"message.log","part":1,"parts":2,"data":"{"}`),
		}, []string{"tv ann hi"}, nil, "1"},
		{"two wholes interleaved", []step{func(s *script) {
			one, two := newScript().play(inParts(2, posted("ann", "one"))), newScript().play(by("B", inParts(2, posted("bob", "two"))))
			for i := range 2 {
				for _, of := range []*script{one, two} {
					s.store(of.messages[i].Subject, of.messages[i].MsgID, of.messages[i].Data)
				}
			}
		}}, []string{"tv ann one", "tv bob two"}, nil, "0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := projected(t, tt.steps...)
			wantRows(t, db, "chat", chatRows, tt.chat...)
			wantRows(t, db, "dead letters", deadRows, tt.dead...)
			wantRows(t, db, "waiting parts", "SELECT count(*) FROM event_parts", tt.open)
		})
	}
}

func TestApplier_OlderPublishersLackIDTimeAndChannel(t *testing.T) {
	t.Parallel()
	db := projected(t,
		after(90*time.Second), by("", roster()), // moves the server's clock to 90 s
		raw(events.KindMessageLog, `{"username":"ann","msg":"hi"}`),
		raw(events.KindMessageLog, `{"username":"ann","msg":"hi","time":1700000005.25}`),
		raw(events.KindUserCount, `{"user_count":3,"connected_users":9}`),
		raw(events.KindStatusUpdate, `{"name":"old","rank":3,"is_afk":true,"connected_users":9}`),
		func(s *script) {
			s.store("rosey.db.message.log.radio", "", []byte(`{"username":"bob","msg":"per channel"}`))
		})
	wantRows(t, db, "chat", "SELECT channel, username, message, time_ms - 1700000000000 FROM chat_messages ORDER BY seq",
		"tv ann hi 90001", "tv ann hi 5250", "radio bob per channel 90005")
	wantRows(t, db, "counts", "SELECT max_users, max_connected FROM channel_stats", "3 9")
	wantRows(t, db, "status", "SELECT bot_name, bot_rank, bot_afk, current_connected_users FROM current_status", "old 3 1 9")
	wantRows(t, db, "numbers", "SELECT count(*) FROM producer_positions", "0")
}

func TestApplier_RefusesABatchThatDoesNotFollow(t *testing.T) {
	t.Parallel()
	items := newScript().play(posted("ann", "1"), posted("ann", "2"), posted("ann", "3")).items()
	db := schematest.Open(t)
	a := applier(t, db)
	applyAll(t, a, items[0])
	if _, err := a.Apply(t.Context(), items[2:]); !errors.Is(err, ErrNotContiguous) {
		t.Errorf("a batch with a hole: %v, want ErrNotContiguous", err)
	}
	if _, err := a.Apply(t.Context(), []Item{items[1], items[1]}); err != nil {
		t.Errorf("the same message twice: %v", err)
	}
	applyAll(t, a, items...)
	wantRows(t, db, "chat", "SELECT message FROM chat_messages ORDER BY seq", "1", "2", "3")
}

func TestApplier_ErasedMessagesAreRecorded(t *testing.T) {
	t.Parallel()
	db := projected(t, erased(posted("ann", "0")), posted("ann", "1"), erased(posted("ann", "2"), posted("ann", "3")), posted("ann", "4"))
	wantRows(t, db, "holes", "SELECT first_seq, last_seq FROM stream_holes ORDER BY first_seq", "1 1", "3 4")
	wantRows(t, db, "chat", "SELECT message FROM chat_messages ORDER BY seq", "1", "4")
}

func TestApplier_RefusesAnotherStreamAndAnotherProgram(t *testing.T) {
	t.Parallel()
	db := schematest.Open(t)
	applyAll(t, applier(t, db), newScript().play(posted("ann", "hi")).items()...)
	cfg := testApplier()
	cfg.Identity = streams.Identity{ID: "another", Created: testIdentity.Created}
	if _, err := NewApplier(t.Context(), db, cfg); !errors.Is(err, ErrOtherStream) {
		t.Errorf("another stream: %v", err)
	}
	cfg = testApplier()
	cfg.DefaultChannel = "another"
	if _, err := NewApplier(t.Context(), db, cfg); !errors.Is(err, ErrOtherProgram) {
		t.Errorf("another default channel: %v", err)
	}
}

func TestApplier_AFailedCommitChangesNothingAndIsTriedAgain(t *testing.T) {
	t.Parallel()
	items := newScript().play(arrived("ann"), posted("ann", "hi"), list(1, 2), moved(2, "prepend"), left("ann")).items()
	db := schematest.Open(t)
	cfg := testApplier()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg.Crash = func(at string) {
		if at == "projector.before_commit" {
			cancel()
		}
	}
	a, err := NewApplier(t.Context(), db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	empty := schematest.Dump(t, db)
	if _, err := a.Apply(ctx, items); err == nil {
		t.Fatal("a commit after its context ended gave no error")
	}
	if got := schematest.Dump(t, db); got != empty {
		t.Errorf("rows after a failed commit:\n%s", got)
	}
	if got := a.Checkpoint().Seq; got != 0 {
		t.Errorf("checkpoint after a failed commit: %d", got)
	}
	applyAll(t, a, items...)
	wantRows(t, db, "sessions", sessionRows, "tv ann 0 0 roster leave")
	wantRows(t, db, "playlist", listRows, "1 2 0", "2 1 0")
}

// A statement that fails is no event's fault: the batch waits, nothing is set
// aside.
func TestApplier_AnSQLErrorIsNoDeadLetter(t *testing.T) {
	t.Parallel()
	items := newScript().play(arrived("ann"), posted("ann", "hi"), list(1, 2), left("ann")).items()
	db, want := schematest.Open(t), schematest.Open(t)
	applyAll(t, applier(t, want), items...)
	a := applier(t, db)
	for _, table := range []string{"chat_messages", "user_sessions", "playlist_items", "producer_positions", "projection_state"} {
		if _, err := db.ExecContext(t.Context(), "CREATE TRIGGER broken BEFORE INSERT ON "+table+" BEGIN SELECT RAISE(ABORT, 'broken'); END"); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Apply(t.Context(), items); err == nil {
			t.Errorf("%s cannot be written, and no error", table)
		}
		if _, err := db.ExecContext(t.Context(), "DROP TRIGGER broken"); err != nil {
			t.Fatal(err)
		}
		if got := schematest.Dump(t, db); got != "" {
			t.Errorf("rows after %s could not be written:\n%s", table, got)
		}
	}
	applyAll(t, a, items...)
	if got := schematest.Dump(t, db); got != schematest.Dump(t, want) {
		t.Errorf("tables after the disk works again:\n%s", diff(schematest.Dump(t, want), got))
	}
}

// A whole that nothing can be made of leaves none of its parts behind, whether
// they came in one batch or in several.
func TestDeadLetters_ARejectedWholeLeavesNoParts(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]step{
		"by a projection": func(s *script) {
			s.say(events.KindPlaylistReplaced, &events.PlaylistReplaced{Raw: []byte(`{"a":"no list"}`)})
		},
		"by the decoder": raw(events.KindMessageLog, `{"username":"ann","message":17,"time_ms":"never"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := projected(t, arrived("ann"), inParts(3, bad), posted("ann", "hi"), inParts(2, posted("ann", "whole")))
			wantRows(t, db, "dead letters", "SELECT count(*) FROM dead_letters", "1")
			wantRows(t, db, "parts", "SELECT of, part FROM event_parts")
			wantRows(t, db, "chat", chatRows, "tv ann hi", "tv ann whole")
		})
	}
}
