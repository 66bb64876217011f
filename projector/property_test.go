package projector

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rosey/events"
	"rosey/schema"
	"rosey/schema/schematest"

	"pgregory.net/rapid"
)

// The one property of the whole: a random sequence of events, projected with
// crashes, aborted transactions, redeliveries and restarts, gives the tables
// that its projection from nothing gives, whatever the size of the batches and
// in loading mode too.
func TestApplier_AnyHistoryGivesTheTablesOfAReplay(t *testing.T) {
	t.Parallel()
	checks(t)
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		place := filepath.Join(dir, fmt.Sprint(n))
		defer func() { _ = os.RemoveAll(place) }()
		theme := rapid.SampledFrom(themes).Draw(rt, "theme")
		steps := rapid.SliceOfN(stepGen(theme), 1, 60).Draw(rt, "steps")
		s := newScript()
		for _, st := range steps {
			s.play(st.play)
		}
		items := s.items()
		if len(items) == 0 {
			return
		}

		want := projectFresh(rt, filepath.Join(place, "replay.db"), items, len(items))
		for _, other := range []struct {
			name string
			dump string
		}{
			{"in batches of one", projectFresh(rt, filepath.Join(place, "ones.db"), items, 1)},
			{"in loading mode", projectLoading(rt, filepath.Join(place, "loaded.db"), items, rapid.IntRange(1, 40).Draw(rt, "loading batch"))},
			{"live", projectLive(rt, filepath.Join(place, "live.db"), items)},
		} {
			if other.dump != want {
				rt.Fatalf("%s the tables differ from those of one batch:\n%s\nevents:\n%s", other.name, diff(want, other.dump), told(items))
			}
		}
	})
}

// checks keeps the properties short where nobody asked for more: the race detector
// makes every statement many times slower. They run side by side, the flags are
// everybody's.
func checks(t *testing.T) {
	t.Helper()
	if err := setChecks(); err != nil {
		t.Fatal(err)
	}
}

var setChecks = sync.OnceValue(func() error {
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if asked {
		return nil
	}
	return flag.Set("rapid.checks", map[bool]string{false: "60", true: "10"}[raceDetector])
})

// projectFresh projects into a new database in batches of a fixed size, with a
// new start before each.
func projectFresh(t *rapid.T, path string, items []Item, size int) string {
	ctx := context.Background()
	db, err := schematest.Create(ctx, path)
	must(t, err)
	defer closeDB(t, db)
	for at := 0; at < len(items); at += size {
		a, err := NewApplier(ctx, db, testApplier())
		must(t, err)
		_, err = a.Apply(ctx, items[at:min(at+size, len(items))])
		must(t, err)
	}
	return dump(t, db)
}

func projectLoading(t *rapid.T, path string, items []Item, size int) string {
	ctx := context.Background()
	db, err := schema.CreateForLoading(ctx, path)
	must(t, err)
	cfg := testApplier()
	cfg.Loading = true
	a, err := NewApplier(ctx, db, cfg)
	must(t, err)
	a.searchEvery = 3 // some lines are added while loading, some by Finish
	a.held.totals.most = rapid.IntRange(1, 4).Draw(t, "totals held back")
	a.held.sessions.most = rapid.IntRange(1, 4).Draw(t, "sessions held back")
	return loaded(t, db, a, items, size)
}

// loaded is the dump of a database that is made for loading, with the items in it.
func loaded(t *rapid.T, db *schema.DB, a *Applier, items []Item, size int) string {
	ctx, path := context.Background(), db.Path()
	for at := 0; at < len(items); at += size {
		_, err := a.Apply(ctx, items[at:min(at+size, len(items))])
		must(t, err)
	}
	must(t, a.Complete(ctx))
	must(t, db.Finish(ctx))
	db, err := schema.OpenReader(ctx, path)
	must(t, err)
	defer closeDB(t, db)
	return dump(t, db)
}

type crash string

// projectLive projects as life has it: batches that begin before the checkpoint,
// crashes at any point of a batch, commits that fail, starts in between.
func projectLive(t *rapid.T, path string, items []Item) string {
	db, err := schematest.Create(context.Background(), path)
	must(t, err)
	defer func() { closeDB(t, db) }()
	var a *Applier
	point := "" // where the next batch goes wrong
	var how func()
	cfg := testApplier()
	cfg.Crash = func(at string) {
		if at == point {
			how()
		}
	}
	start := func() {
		var err error
		a, err = NewApplier(context.Background(), db, cfg)
		must(t, err)
	}
	start()
	points := []string{"projector.before_begin", "projector.after_chat", "projector.after_users", "projector.after_bot", "projector.before_commit", "projector.after_commit"}
	for done := 0; done < len(items); {
		from := max(0, done-rapid.IntRange(0, 3).Draw(t, "redelivered"))
		to := min(len(items), done+rapid.IntRange(1, 12).Draw(t, "batch"))
		ctx, cancel := context.WithCancel(context.Background())
		fate := rapid.SampledFrom([]string{"fine", "restart", "restart", "crash", "abort"}).Draw(t, "fate")
		point = ""
		switch fate {
		case "restart":
			start()
		case "crash":
			point = rapid.SampledFrom(points).Draw(t, "point")
			how = func() { panic(crash(point)) }
		case "abort":
			point = rapid.SampledFrom(points[:len(points)-1]).Draw(t, "point")
			how = cancel
		}
		crashed, err := applyOrCrash(ctx, a, items[from:to])
		cancel()
		switch {
		case crashed:
			// What the process held is gone; the transaction ends with its context.
			closeDB(t, db)
			db, err = schema.OpenWriter(context.Background(), path)
			must(t, err)
			start()
		case fate != "abort":
			must(t, err)
		}
		done = committed(items, a.Checkpoint().Seq)
	}
	return dump(t, db)
}

func applyOrCrash(ctx context.Context, a *Applier, items []Item) (crashed bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(crash); !ok {
				panic(r)
			}
			crashed = true
		}
	}()
	_, err = a.Apply(ctx, items)
	return false, err
}

// committed is how many items the checkpoint covers.
func committed(items []Item, seq uint64) int {
	n := 0
	for n < len(items) && items[n].Msg.Seq <= seq {
		n++
	}
	return n
}

func testApplier() ApplierConfig {
	return ApplierConfig{DefaultChannel: mainChannel, Identity: testIdentity}
}

func must(t *rapid.T, err error) {
	if err != nil {
		t.Helper()
		t.Fatalf("%v", err)
	}
}

func closeDB(t *rapid.T, db *schema.DB) { must(t, db.Close()) }

func dump(t *rapid.T, db *schema.DB) string {
	text, err := schema.Dump(context.Background(), db)
	must(t, err)
	return text
}

// diff lists the lines that only one side has.
func diff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	var b strings.Builder
	for _, side := range []struct {
		sign   string
		of, in []string
	}{{"- ", w, g}, {"+ ", g, w}} {
		have := map[string]bool{}
		for _, l := range side.in {
			have[l] = true
		}
		for _, l := range side.of {
			if !have[l] {
				b.WriteString(side.sign + l + "\n")
			}
		}
	}
	return b.String()
}

func told(items []Item) string {
	var b strings.Builder
	for _, it := range items {
		fmt.Fprintf(&b, "%d %s %s\n", it.Msg.Seq, it.Msg.Subject, it.Msg.Data)
	}
	return b.String()
}

// drawn is a step with its name, so that a failure can be read.
type drawn struct {
	name string
	play step
}

func (d drawn) String() string { return d.name }

// themes are what an evening is about: few kinds of events meet more often than
// many do.
var themes = func() [][]string {
	life := []string{"started", "recording", "connected", "botJoined", "disconnected", "disconnected", "stopped", "roster"}
	trouble := []string{"again", "again", "late", "skip", "erased", "raw", "unknown", "older", "parts", "partly"}
	time := []string{"time", "time", "time"}
	presence := []string{"joined", "joined", "left", "roster", "updated", "updated"}
	chat := []string{"posted", "posted", "resent", "resent", "notice", "pm"}
	media := []string{"playing", "still", "played", "list", "added", "removed", "moved", "moved", "temp", "current"}
	polls := []string{"poll", "poll", "pollUpdate", "pollUpdate", "pollClosed", "pollClosed"}
	figures := []string{"counts", "high", "status", "mark"}
	return [][]string{
		slices.Concat(time, life, presence), slices.Concat(time, life, presence, trouble), slices.Concat(time, chat, trouble),
		slices.Concat(time, life, media), media, slices.Concat(time, polls), slices.Concat(time, life, polls, trouble),
		slices.Concat(time, life, figures, trouble), slices.Concat(time, life, presence, chat, media, polls, figures, trouble),
	}
}()

// stepGen draws one step out of few names, so that they meet often.
func stepGen(theme []string) *rapid.Generator[drawn] {
	return rapid.Custom(func(t *rapid.T) drawn {
		pick := func(what string, of ...string) string { return rapid.SampledFrom(of).Draw(t, what) }
		name := func() string { return pick("name", "ann", "Ann", "bob", "cy", "ZÖE") }
		small := func(what string, to int64) int64 { return rapid.Int64Range(0, to).Draw(t, what) }
		producer := func() string { return pick("producer", "A", "A", "A", "B") }
		named := func(label string, st step) drawn {
			where, who := pick("channel", mainChannel, mainChannel, mainChannel, "radio"), producer()
			return drawn{fmt.Sprintf("%s by %s in %s", label, who, where), in(where, by(who, st))}
		}
		users := func() []string {
			list := rapid.SliceOfN(rapid.SampledFrom([]string{"ann", "ANN", "bob 2", "cy 1.5 afk", "dee 0 afk"}), 0, 4).Draw(t, "users")
			return list
		}
		kind := rapid.SampledFrom(theme).Draw(t, "kind")
		switch kind {
		case "time":
			d := rapid.SampledFrom([]time.Duration{
				time.Millisecond, 999 * time.Millisecond, time.Second, 5 * time.Second, 59 * time.Second, time.Minute, 61 * time.Second, time.Hour,
				-5 * time.Second, -time.Hour,
			}).Draw(t, "d")
			return drawn{"after " + d.String(), after(d)}
		case "joined":
			n := name()
			return named("joined "+n, joined(n+pick("rest", "", " 2", " 1.5 afk")))
		case "left":
			n := name()
			return named("left "+n, left(n))
		case "roster":
			u := users()
			return named(fmt.Sprint("roster ", u), roster(u...))
		case "updated":
			n, is := name(), rapid.Bool().Draw(t, "is")
			if rapid.Bool().Draw(t, "rank") {
				r := float64(small("rank", 3))
				return named(fmt.Sprint("ranked ", n, r), ranked(n, r))
			}
			return named(fmt.Sprint("afk ", n, is), afk(n, is))
		case "posted":
			n, text := name(), pick("text", "hi", "ho", "")
			return named("posted "+n+" "+text, posted(n, text))
		case "resent":
			n, text, ago := name(), pick("text", "hi", "ho"), time.Duration(small("ago", 61))*time.Second
			return named("resent "+n+" "+text+" "+ago.String(), resent(n, text, ago))
		case "notice":
			return named("notice", notice("[server]", "hi", "server"))
		case "pm":
			n := name()
			return named("pm "+n, whispered(n, "rosey", "psst"))
		case "counts":
			c, all := small("chat", 4), small("all", 6)
			return named(fmt.Sprint("counts ", c, all), counts(c, all))
		case "high":
			c, all := small("chat", 4), small("all", 6)
			return named(fmt.Sprint("high ", c, all), high(c, all))
		case "status":
			n := small("items", 3)
			return named("status", statusTold(func(u *events.StatusUpdate) { u.PlaylistItems = &n }))
		case "playing":
			id := pick("media", "x", "y")
			return named("playing "+id, playing(id))
		case "still":
			id := pick("media", "x", "y")
			return named("still playing "+id, stillPlaying(id, float64(small("position", 100))))
		case "played":
			return named("played out", playedOut())
		case "list":
			uids := rapid.SliceOfN(rapid.Int64Range(1, 6), 0, 6).Draw(t, "uids")
			return named(fmt.Sprint("list ", uids), list(uids...))
		case "added", "moved":
			uid, pos := small("uid", 7), pick("position", "prepend", "append", "1", "2", "9")
			if kind == "added" {
				return named(fmt.Sprint("added ", uid, " ", pos), added(uid, pos))
			}
			return named(fmt.Sprint("moved ", uid, " ", pos), moved(uid, pos))
		case "removed":
			uid := small("uid", 7)
			return named(fmt.Sprint("removed ", uid), removed(uid))
		case "temp":
			uid := small("uid", 7)
			return named(fmt.Sprint("temp ", uid), temp(uid, true))
		case "current":
			uid := small("uid", 7)
			return named(fmt.Sprint("current ", uid), by(producer(), current(uid), locked(uid%2 == 0)))
		case "poll", "pollUpdate":
			n, opened, c := pick("initiator", "ann", "Ann"), small("opened", 6), pick("counts", "[0,0]", "[1, 0]", `["?","?"]`)
			if kind == "poll" {
				return named(fmt.Sprint("poll ", n, opened, c), pollOpened(n, opened, c))
			}
			return named(fmt.Sprint("poll update ", n, opened, c), pollUpdated(n, opened, c))
		case "pollClosed":
			opened := small("opened", 6)
			if rapid.Bool().Draw(t, "unnamed") {
				return named("poll closed", pollClosedUnnamed())
			}
			return named(fmt.Sprint("poll closed ", opened), pollClosed("ann", opened))
		case "mark":
			k := rapid.SampledFrom([]events.Kind{events.KindMarkSent, events.KindMarkFailed}).Draw(t, "outcome")
			m := events.OutboundMark{
				MessageID: small("message id", 2), // 0 is a dead letter
				Message:   pick("text", "", "hello", "ho"), Recipient: pick("recipient", "", "", "ann"),
				QueuedMS: small("queued", 2), SentMS: small("sent", 2), Attempts: small("attempts", 2),
				Reason: pick("reason", "", "muted"), State: pick("state", "", events.OutcomeAbandoned, events.OutcomeUnknown, "queued"),
			}
			return named(fmt.Sprintf("%s %+v", k, m), marking(k, m))
		case "started":
			previous := pick("previous", "", "A", "B", events.PreviousUnknown)
			return named("started after "+previous, started(previous, 3))
		case "recording":
			if term := rapid.Int64Range(0, 3).Draw(t, "term"); term > 0 {
				return named("leased", leased(term))
			}
			return named("recording", recording())
		case "connected":
			return named("connected", connected())
		case "botJoined":
			return named("bot joined", botJoined())
		case "disconnected":
			if rapid.Bool().Draw(t, "since") {
				return named("disconnected since 7s", disconnectedSince(7*time.Second))
			}
			return named("disconnected", disconnected("connection_lost"))
		case "stopped":
			return named("stopped", stopped())
		case "again":
			n := rapid.IntRange(1, 10).Draw(t, "back")
			return drawn{fmt.Sprint("again ", n), func(s *script) {
				if n <= len(s.messages) {
					s.play(again(n))
				}
			}}
		case "skip":
			n := uint64(rapid.IntRange(1, 3).Draw(t, "numbers"))
			return named(fmt.Sprint("skip ", n), skip(n))
		case "late":
			n := uint64(rapid.IntRange(1, 8).Draw(t, "number"))
			return named(fmt.Sprint("late ", n), numbered(n, joined("late")))
		case "erased":
			return drawn{"erased", erased(posted("bob", "gone"))}
		case "raw":
			data := pick("raw", "", "{", "[]", `{"username":7}`, `{"username":"bob"} x`, `{"username":"bob","message":"plain"}`, `{"users":3}`,
				`{"username":"a\u0000b","message":"nul"}`, `{"username":"a\u0000c","message":"nul","time_ms":5}`,
				`{"username":"bob","message":"far","time_ms":9223372036854775807}`, `{"username":"bob","time_ms":-9223372036854775807}`)
			if rapid.Bool().Draw(t, "part") {
				part := small("part", 3)
				return drawn{fmt.Sprint("raw part ", part), raw(events.KindBotPart,
					fmt.Sprintf(`{"of":"x-1","kind":"message.log","part":%d,"parts":2,"data":%q}`, part, []string{"", "{", `"username":"ann","time_ms":5}`, "}"}[part]))}
			}
			k := rapid.SampledFrom([]events.Kind{events.KindMessageLog, events.KindUserJoined, events.KindUserLeft, events.KindUserRoster}).Draw(t, "of kind")
			return drawn{fmt.Sprintf("raw %s %s", k, data), raw(k, data)}
		case "unknown":
			return drawn{"unknown kind", raw("user.danced", `{"username":"ann","how":"well"}`)}
		case "older":
			return drawn{"older", by("", in("", joined("old"), line("old", "hello", 0, nil)))}
		case "parts":
			return named("posted in parts", inParts(3, posted(name(), "a long line")))
		default:
			return named("posted in parts with one missing", partly(3, rapid.IntRange(1, 3).Draw(t, "missing"), posted(name(), "a long line")))
		}
	})
}
