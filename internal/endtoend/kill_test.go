package endtoend

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rosey/bot/cytube/cytubetest"
)

// Three processes on one data folder are killed again and again while people
// talk. Nothing may be missing, nothing may count twice, and the program itself
// has to be able to show that.
func TestProcesses_KilledWhileLinesArrive(t *testing.T) {
	t.Parallel()
	lines, kills := 5000, 21
	if *long {
		lines, kills = 50_000, 300
	}
	r := random(t)

	channel, err := cytubetest.NewChannel(cytubetest.ChannelConfig{Name: "kill", UserCountEvery: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	data := filepath.Join(t.TempDir(), "data")
	talk := newTalk(t, channel, data, lines)
	parts := []*part{
		{name: "server", args: []string{"server", "--data", data, "--nats-port", "0", "--monitor-port", "off"}},
		{name: "projector", args: []string{"projector", "--data", data}},
		{name: "bot", args: []string{"bot", channel.PageURL(), "--username", "rosey", "--data", data, "--wait"}},
	}
	for _, p := range parts {
		p.t = t
		p.start()
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(kills)*time.Minute+5*time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { talk.run(ctx) })
	killAlong(ctx, r, talk, parts, kills)
	wg.Wait()
	if n := talk.said.Load(); n != int64(lines) {
		t.Fatalf("only %d lines could be said", n)
	}
	until(t, "every line is in the tables", func() bool {
		return numberOf(t, data, "SELECT count(*) FROM chat_messages WHERE notice = ''") >= int64(lines)
	})
	until(t, "the bot is in the channel", func() bool { return channel.Clients() > 0 })
	for _, i := range []int{2, 1, 0} {
		parts[i].stop()
	}
	talk.check(channel.Ledger())
	checkProducers(t, data)
	compareModel(t, data)
	if out := must(t, "replay", "--data", data, "--verify"); !strings.HasPrefix(out, "equal") {
		t.Errorf("verify says: %s", out)
	}
}

// killAlong kills one part, or two at once, again and again while people talk.
func killAlong(ctx context.Context, r *rand.Rand, talk *talk, parts []*part, kills int) {
	for k := range kills {
		// Spread over the whole talk, and then at any moment.
		for after := int64(talk.total * k / (kills + 1)); talk.said.Load() < after && ctx.Err() == nil; {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(r.IntN(150)) * time.Millisecond)
		victims := []*part{parts[k%len(parts)]}
		if len(parts) > 1 && r.IntN(4) == 0 {
			victims = append(victims, parts[(k+1)%len(parts)])
		}
		for _, v := range victims {
			v.fell()
		}
		time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
		for _, v := range victims {
			v.start()
		}
	}
}

// Everything in one process dies at once; what it left is not in the way of the
// next start, nor of the commands that look at what is there.
func TestUp_KilledWhileLinesArrive(t *testing.T) {
	t.Parallel()
	const lines, kills = 600, 4
	r := random(t)
	channel, err := cytubetest.NewChannel(cytubetest.ChannelConfig{Name: "kill", UserCountEvery: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	data := filepath.Join(t.TempDir(), "data")
	talk := newTalk(t, channel, data, lines)
	up := &part{t: t, name: "up", args: append([]string{"up", channel.PageURL(), "--username", "rosey", "--data", data}, anyPorts...)}
	up.start()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { talk.run(ctx) })
	killAlong(ctx, r, talk, []*part{up}, kills)
	wg.Wait()
	until(t, "every line is in the tables", func() bool {
		return numberOf(t, data, "SELECT count(*) FROM chat_messages WHERE notice = ''") >= lines
	})
	up.fell()
	talk.check(channel.Ledger())
	checkProducers(t, data)
	compareModel(t, data)
	for _, command := range [][]string{{"replay", "--verify"}, {"export", "events"}, {"stats"}, {"replay"}} {
		if out := must(t, append(command, "--data", data)...); out == "" {
			t.Errorf("rosey %s says nothing", command[0])
		}
	}
	talk.check(channel.Ledger())
}

// random is a source that a failed run can be repeated with.
func random(t *testing.T) *rand.Rand {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d repeats this", s)
	return rand.New(rand.NewPCG(s, 1))
}

// part is one of the processes of an installation, over all its lives.
type part struct {
	*program
	t    *testing.T
	name string
	args []string
}

func (p *part) start() { p.program = start(p.t, p.args...) }

func (p *part) fell() {
	select {
	case <-p.done:
		p.t.Errorf("the %s ended by itself\n%s", p.name, p.err.String())
	default:
	}
	p.kill()
	p.checkRaces()
}

// talk says lines in a channel. So few of them are at any time unknown to the
// bot's disk that the fifteen lines a join brings again hold them all: more
// could be missed by nature.
type talk struct {
	t       *testing.T
	channel *cytubetest.Channel
	spool   string
	people  []string
	total   int
	said    atomic.Int64
	texts   []string
	byUser  map[string]int
	data    string
}

const (
	atOnce    = 8 // lines until the bot has to have them on disk
	inAbsence = 5 // lines while the bot is away
)

func newTalk(t *testing.T, c *cytubetest.Channel, data string, total int) *talk {
	k := &talk{t: t, channel: c, data: data, spool: filepath.Join(data, "spool", c.Name()+".db"), total: total, byUser: map[string]int{}}
	for _, name := range []string{"null", "__proto__", "MixedCase", "ann", "-"} {
		if err := c.Join(name); err != nil {
			t.Fatal(err)
		}
		k.people = append(k.people, name)
	}
	return k
}

func (k *talk) run(ctx context.Context) {
	var producer string
	var joined bool    // what its join brings may still be on its way to the bot's disk
	var open, away int // lines that may not be on the bot's disk, and those said in its absence
	for k.said.Load() < int64(k.total) && ctx.Err() == nil {
		if k.channel.Clients() == 0 {
			if away < inAbsence && open < atOnce+inAbsence {
				k.say()
				away++
				open++
			}
			time.Sleep(2 * time.Millisecond)
			continue
		}
		now, seq := k.spooled()
		if now != producer || open > 0 {
			if now == "" || !k.kept() {
				time.Sleep(5 * time.Millisecond)
				continue
			}
			joined = now != producer
			producer, open, away = now, 0, 0
			continue
		}
		for range atOnce {
			if k.said.Load() < int64(k.total) {
				k.say()
				open++
			}
		}
		if joined {
			continue // once these are on the disk, all that came before them is
		}
		want := seq + int64(open)
		for ctx.Err() == nil && k.channel.Clients() > 0 {
			later, reached := k.spooled()
			if later != producer {
				break
			}
			if reached >= want {
				open = 0
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// kept reports whether the last line is on a disk, however slow that is: in the
// spool, or where it goes from there.
func (k *talk) kept() bool {
	n := k.said.Load()
	if n == 0 {
		return true
	}
	text := lineText(n)
	return inSpool(k.t, k.spool, text) || numberOf(k.t, k.data, "SELECT count(*) FROM chat_messages WHERE message = ?", text) > 0
}

// inSpool reports whether a text waits in a spool. Events leave it once the stream
// has them.
func inSpool(t *testing.T, path, text string) bool {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		return false
	}
	defer func() { _ = db.Close() }()
	var found bool
	err = db.QueryRowContext(t.Context(), "SELECT count(*) > 0 FROM events WHERE instr(CAST(data AS TEXT), ?) > 0", text).Scan(&found)
	return err == nil && found // otherwise the bot is making it
}

func lineText(n int64) string { return fmt.Sprintf("line %06d", n) }

// spooled returns the newest run of the bot, and how many events it has on disk.
func (k *talk) spooled() (producer string, seq int64) {
	db, err := sql.Open("sqlite", "file:"+k.spool+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		return "", 0
	}
	defer func() { _ = db.Close() }()
	if err := db.QueryRowContext(k.t.Context(), "SELECT producer, last_seq FROM producers ORDER BY rowid DESC LIMIT 1").Scan(&producer, &seq); err != nil {
		return "", 0 // the bot is making it
	}
	return producer, seq
}

func (k *talk) say() {
	n := k.said.Add(1)
	name, text := k.people[int(n)%len(k.people)], lineText(n)
	k.texts = append(k.texts, name+": "+text)
	k.byUser[name]++
	if err := k.channel.Say(name, text); err != nil {
		k.t.Error(err)
	}
}

// check compares the tables with what was said.
func (k *talk) check(l cytubetest.Ledger) {
	k.t.Helper()
	if l.ChatLines != k.total {
		k.t.Errorf("the channel showed %d lines, %d were said", l.ChatLines, k.total)
	}
	db := openTables(k.t, k.data)
	var got []string
	each(k.t, db, func(r *sql.Rows) error {
		var line string
		err := r.Scan(&line)
		got = append(got, line)
		return err
	}, "SELECT username || ': ' || message FROM chat_messages WHERE notice = '' ORDER BY message")
	slices.Sort(got)
	want := slices.Clone(k.texts)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		k.t.Errorf("the tables hold %d lines, %d were said", len(got), len(want))
		for _, line := range want {
			if _, found := slices.BinarySearch(got, line); !found {
				k.t.Errorf("missing: %s", line)
			}
		}
	}
	perUser := counts(k.t, db, "SELECT username, total_chat_lines FROM user_stats WHERE total_chat_lines > 0")
	if g, w := text(perUser), text(k.byUser); g != w {
		k.t.Errorf("lines of each user: %s\nsaid: %s", g, w)
	}
}

// checkProducers asks the tables whether anything could be missing: no gaps, and
// for each run but the newest another that knows where it ended.
func checkProducers(t *testing.T, data string) {
	t.Helper()
	db := openTables(t, data)
	if n := number(t, db, "SELECT count(*) FROM producer_positions WHERE gaps <> '[]'"); n != 0 {
		t.Errorf("%d producers have gaps", n)
	}
	if n := number(t, db, "SELECT count(*) FROM producer_positions"); n < 2 {
		t.Errorf("%d producers", n)
	}
	each(t, db, func(r *sql.Rows) error {
		var producer string
		var last int64
		err := r.Scan(&producer, &last)
		t.Errorf("nobody knows where producer %s ended; the stream has it up to %d", producer, last)
		return err
	}, `SELECT p.producer, p.last_seq FROM producer_positions p
		WHERE p.last_ms < (SELECT max(last_ms) FROM producer_positions)
		AND NOT EXISTS (SELECT 1 FROM producer_positions n WHERE n.previous = p.producer AND n.previous_seq = p.last_seq)`)
}
