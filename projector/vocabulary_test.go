package projector

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"rosey/events"
	"rosey/schema"
	"rosey/schema/schematest"
	"rosey/streams"
)

// The words of the tests. A test is a list of steps that a script plays: what the
// recorder says, in order, on a clock of its own.
//
//	db := projected(t, arrived("ann"), after(10*time.Second), posted("ann", "hi"), left("ann"))
//
// The clock starts at the epoch below; times in expectations count from there.

const (
	epochMS     = 1_700_000_000_000
	epoch       = epochMS / 1000
	mainChannel = "tv"
)

var testIdentity = streams.Identity{ID: "11111111-2222-3333-4444-555555555555", Created: time.UnixMilli(epochMS)}

// script turns steps into the messages of a stream.
type script struct {
	now      time.Time // the recorder's clock
	stream   time.Time // the server's clock, which never steps back
	producer string    // "" for a publisher that does not number
	channel  string
	numbers  map[string]uint64 // last number of each producer
	seq      uint64
	erase    bool
	apart    bool // each channel has producers of its own, as with real bots
	messages []streams.Message
}

type step func(*script)

func newScript() *script {
	return &script{
		now: time.UnixMilli(epochMS), stream: time.UnixMilli(epochMS), producer: "A", channel: mainChannel,
		numbers: map[string]uint64{},
	}
}

func (s *script) play(steps ...step) *script {
	for _, st := range steps {
		st(s)
	}
	return s
}

// ms is the recorder's clock, from the epoch.
func (s *script) ms() int64 { return s.now.UnixMilli() }

// say appends an event of the current producer.
func (s *script) say(kind events.Kind, p events.Payload, change ...func(*events.Event)) {
	e := &events.Event{
		Platform: events.PlatformCyTube, Channel: s.channel, TimeMS: s.ms(), ReceivedMS: s.ms(), Kind: kind, Payload: p,
	}
	if s.producer != "" {
		s.numbers[s.producer]++
		e.ID = events.MakeID(s.producer, s.numbers[s.producer])
	}
	for _, c := range change {
		c(e)
	}
	data, err := events.Encode(e)
	if err != nil {
		panic(err)
	}
	s.store(events.Subject(kind), e.ID, data)
}

// store appends a message as it is. An erased one leaves its place empty.
func (s *script) store(subject, id string, data []byte) {
	s.seq++
	s.stream = s.stream.Add(time.Millisecond)
	if s.now.After(s.stream) {
		s.stream = s.now
	}
	if s.erase {
		return
	}
	s.messages = append(s.messages, streams.Message{Seq: s.seq, Time: s.stream, Subject: subject, MsgID: id, Data: data})
}

// items decodes what was appended, as the projector and a rebuild do.
func (s *script) items() []Item {
	dec := events.NewDecoder()
	list := make([]Item, 0, len(s.messages))
	last := uint64(0)
	for _, m := range s.messages {
		it := Decode(dec, m)
		it.Erased = m.Seq - last - 1
		last = m.Seq
		list = append(list, it)
	}
	return list
}

// Steps that say nothing.

// after lets time pass, or steps the recorder's clock back.
func after(d time.Duration) step { return func(s *script) { s.now = s.now.Add(d) } }

// by plays steps as another producer.
func by(producer string, steps ...step) step {
	return func(s *script) {
		was := s.producer
		s.producer = producer
		if s.apart && producer != "" {
			s.producer += s.channel
		}
		s.play(steps...)
		s.producer = was
	}
}

// becoming lets another producer take over for good.
func becoming(producer string) step { return func(s *script) { s.producer = producer } }

// in plays steps on another channel.
func in(channel string, steps ...step) step {
	return func(s *script) {
		was := s.channel
		s.channel = channel
		s.play(steps...)
		s.channel = was
	}
}

// skip leaves numbers of the producer out.
func skip(n uint64) step { return func(s *script) { s.numbers[s.producer] += n } }

// numbered plays steps under numbers of the past, as a late arrival has them.
func numbered(n uint64, steps ...step) step {
	return func(s *script) {
		was := s.numbers[s.producer]
		s.numbers[s.producer] = n - 1
		s.play(steps...)
		s.numbers[s.producer] = was
	}
}

// erased plays steps whose messages are erased from the stream.
func erased(steps ...step) step {
	return func(s *script) {
		s.erase = true
		s.play(steps...)
		s.erase = false
	}
}

// again appends the message n places before the end once more.
func again(n int) step {
	return func(s *script) {
		m := s.messages[len(s.messages)-n]
		s.store(m.Subject, m.MsgID, m.Data)
	}
}

// raw appends bytes under a kind's subject, without an id.
func raw(kind events.Kind, data string) step {
	return func(s *script) { s.store(events.Subject(kind), "", []byte(data)) }
}

// The recorder's own life.

func started(previous string, previousSeq int64) step {
	return func(s *script) {
		s.say(events.KindBotStarted, &events.BotStarted{Producer: s.producer, Previous: previous, PreviousSeq: previousSeq, BotVersion: "test"})
	}
}

func recording() step {
	return func(s *script) { s.say(events.KindBotRecording, &events.BotRecording{Producer: s.producer}) }
}

// leased is recording by a lease of that term.
func leased(term int64) step {
	return func(s *script) {
		s.say(events.KindBotRecording, &events.BotRecording{Producer: s.producer, Term: term})
	}
}

func connected() step {
	return func(s *script) { s.say(events.KindBotConnected, &events.BotConnected{Server: "cytu.example"}) }
}

func botJoined() step {
	return func(s *script) { s.say(events.KindBotJoined, &events.BotJoined{Username: "rosey"}) }
}

func disconnected(reason string) step {
	return func(s *script) { s.say(events.KindBotDisconnected, &events.BotDisconnected{Reason: reason}) }
}

// disconnectedSince was noticed later than the line died.
func disconnectedSince(ago time.Duration) step {
	return func(s *script) {
		s.say(events.KindBotDisconnected, &events.BotDisconnected{Reason: "silence", ObservedMS: s.now.Add(-ago).UnixMilli()})
	}
}

func stopped() step {
	return func(s *script) { s.say(events.KindBotStopped, &events.BotStopped{Reason: "signal"}) }
}

// arrived is a recorder that starts, connects and finds these users.
func arrived(users ...string) step {
	return func(s *script) {
		s.play(started("", 0), recording(), connected(), botJoined(), roster(users...))
	}
}

// reconnected is a recorder that comes back to these users.
func reconnected(users ...string) step {
	return func(s *script) { s.play(connected(), botJoined(), roster(users...)) }
}

// People.

// user reads `name`, `name rank` or `name rank afk`.
func user(text string) events.User {
	var u events.User
	words := strings.Split(text, " ")
	u.Username = words[0]
	if len(words) > 1 {
		rank, err := strconv.ParseFloat(words[1], 64)
		if err != nil {
			panic(err)
		}
		u.Rank = rank
	}
	u.AFK = len(words) > 2
	return u
}

func roster(users ...string) step {
	return func(s *script) {
		list := []events.User{}
		for _, u := range users {
			list = append(list, user(u))
		}
		s.say(events.KindUserRoster, &events.UserRoster{Users: list})
	}
}

func joined(text string) step {
	return func(s *script) { s.say(events.KindUserJoined, &events.UserJoined{User: user(text)}) }
}

func left(name string) step {
	return func(s *script) { s.say(events.KindUserLeft, &events.UserLeft{Username: name}) }
}

func afk(name string, is bool) step {
	return func(s *script) { s.say(events.KindUserUpdated, &events.UserUpdated{Username: name, AFK: &is}) }
}

func ranked(name string, rank float64) step {
	return func(s *script) { s.say(events.KindUserUpdated, &events.UserUpdated{Username: name, Rank: &rank}) }
}

// Chat.

func posted(name, text string) step { return line(name, text, 0, nil) }

func notice(name, text, what string) step {
	return line(name, text, 0, func(m *events.MessageLog) { m.Notice = what })
}

// resent is a line that came again with the history of a join.
func resent(name, text string, ago time.Duration) step {
	return line(name, text, ago, func(m *events.MessageLog) { m.History = true })
}

func line(name, text string, ago time.Duration, change func(*events.MessageLog)) step {
	return func(s *script) {
		m := &events.MessageLog{Username: name, Message: text}
		if change != nil {
			change(m)
		}
		s.say(events.KindMessageLog, m, func(e *events.Event) { e.TimeMS -= ago.Milliseconds() })
	}
}

func whispered(from, to, text string) step {
	return func(s *script) {
		s.say(events.KindMessagePrivate, &events.MessagePrivate{Username: from, Recipient: to, Message: text})
	}
}

// Counts, media, playlist, polls, outcomes.

func counts(chat, all int64) step {
	return func(s *script) { s.say(events.KindUserCount, &events.Counts{Chat: chat, Connected: all}) }
}

func high(chat, all int64) step {
	return func(s *script) { s.say(events.KindHighWater, &events.Counts{Chat: chat, Connected: all}) }
}

func statusTold(change func(*events.StatusUpdate)) step {
	return func(s *script) {
		u := &events.StatusUpdate{}
		change(u)
		s.say(events.KindStatusUpdate, u)
	}
}

func playing(id string) step {
	return func(s *script) {
		s.say(events.KindMediaChanged, &events.MediaChanged{Type: "yt", MediaID: id, Title: "title of " + id, Seconds: 300, Duration: "05:00", QueuedBy: "ann"})
	}
}

// stillPlaying is what the bot finds playing as it joins, so many seconds in.
func stillPlaying(id string, position float64) step {
	return func(s *script) {
		s.say(events.KindMediaChanged, &events.MediaChanged{Type: "yt", MediaID: id, Title: "title of " + id, Seconds: 300, CurrentTime: position, Resumed: true})
	}
}

func playedOut() step {
	return func(s *script) { s.say(events.KindMediaEnded, &events.MediaEnded{Reason: "removed"}) }
}

func item(uid int64) events.PlaylistItem {
	return events.PlaylistItem{UID: uid, Type: "yt", MediaID: fmt.Sprint("m", uid), Title: fmt.Sprint("item ", uid), Seconds: 60, QueuedBy: "ann"}
}

func list(uids ...int64) step {
	return func(s *script) {
		type media struct {
			ID      string  `json:"id"`
			Title   string  `json:"title"`
			Seconds float64 `json:"seconds"`
			Type    string  `json:"type"`
		}
		type wire struct {
			Media   media  `json:"media"`
			UID     int64  `json:"uid"`
			QueueBy string `json:"queueby"`
		}
		all := []wire{}
		for _, u := range uids {
			it := item(u)
			all = append(all, wire{media{it.MediaID, it.Title, it.Seconds, it.Type}, u, it.QueuedBy})
		}
		data, err := json.Marshal(all)
		if err != nil {
			panic(err)
		}
		s.say(events.KindPlaylistReplaced, &events.PlaylistReplaced{Raw: data})
	}
}

func added(uid int64, position string) step {
	return func(s *script) {
		s.say(events.KindPlaylistAdded, &events.PlaylistAdded{PlaylistItem: item(uid), After: position})
	}
}

func removed(uid int64) step {
	return func(s *script) { s.say(events.KindPlaylistRemoved, &events.PlaylistRemoved{UID: uid}) }
}

func moved(uid int64, position string) step {
	return func(s *script) { s.say(events.KindPlaylistMoved, &events.PlaylistMoved{UID: uid, After: position}) }
}

func temp(uid int64, is bool) step {
	return func(s *script) { s.say(events.KindPlaylistTemp, &events.PlaylistTemp{UID: uid, Temp: is}) }
}

func current(uid int64) step {
	return func(s *script) { s.say(events.KindPlaylistCurrent, &events.PlaylistCurrent{UID: uid}) }
}

func locked(is bool) step {
	return func(s *script) { s.say(events.KindPlaylistLocked, &events.PlaylistLocked{Locked: is}) }
}

// pollTold is one named by its opening time in seconds from the epoch.
func pollTold(kind events.Kind, initiator string, opened int64, counts string) step {
	return func(s *script) {
		s.say(kind, &events.Poll{
			Title: "which?", Options: []string{"this", "that"}, Counts: json.RawMessage(counts), Initiator: initiator, OpenedMS: epochMS + opened*1000,
		})
	}
}

func pollOpened(initiator string, opened int64, counts string) step {
	return pollTold(events.KindPollOpened, initiator, opened, counts)
}

func pollUpdated(initiator string, opened int64, counts string) step {
	return pollTold(events.KindPollUpdated, initiator, opened, counts)
}

func pollClosed(initiator string, opened int64) step {
	return func(s *script) {
		s.say(events.KindPollClosed, &events.PollClosed{Initiator: initiator, OpenedMS: epochMS + opened*1000})
	}
}

// pollClosedUnnamed is told by a recorder that did not see it open.
func pollClosedUnnamed() step {
	return func(s *script) { s.say(events.KindPollClosed, &events.PollClosed{}) }
}

func marked(kind events.Kind, id int64, text, reason string) step {
	return func(s *script) {
		s.say(kind, &events.OutboundMark{
			MessageID: id, Message: text, QueuedMS: s.ms() - 2000, SentMS: s.ms(), Attempts: 1, Reason: reason,
		})
	}
}

// marking is an outcome as another publisher tells it: nothing but what is set.
func marking(kind events.Kind, m events.OutboundMark) step {
	return func(s *script) { s.say(kind, &m) }
}

// decided is an operator's decision: by no producer, of no channel.
func decided(kind events.Kind, p events.Payload) step {
	return func(s *script) {
		e := &events.Event{Kind: kind, Payload: p, TimeMS: s.ms()}
		id, err := events.DecisionID(e)
		if err != nil {
			panic(err)
		}
		e.ID = id
		data, err := events.Encode(e)
		if err != nil {
			panic(err)
		}
		s.store(events.Subject(kind), id, data)
	}
}

// inParts says what the step says in n parts.
func inParts(n int, st step) step { return partly(n, 0, st) }

// partly leaves one part out, counted from 1; 0 leaves none.
func partly(n, missing int, st step) step {
	return func(s *script) {
		inner := newScript()
		inner.now, inner.producer, inner.channel = s.now, s.producer, s.channel
		inner.numbers[s.producer] = s.numbers[s.producer]
		st(inner)
		whole := inner.messages[0]
		kind, _, _ := events.ParseSubject(whole.Subject)
		chunks := events.SplitData(whole.Data, (len(whole.Data)+n-1)/n)
		of := events.MakeID(s.producer, s.numbers[s.producer]+1)
		for i, c := range chunks {
			if i+1 == missing {
				s.numbers[s.producer]++
				continue
			}
			s.say(events.KindBotPart, &events.BotPart{Of: of, Whole: kind, Part: int64(i + 1), Parts: int64(len(chunks)), Data: c})
		}
	}
}

// Projecting.

func applier(t testing.TB, db *schema.DB) *Applier {
	t.Helper()
	a, err := NewApplier(t.Context(), db, ApplierConfig{DefaultChannel: mainChannel, Identity: testIdentity})
	if err != nil {
		t.Fatalf("new applier: %v", err)
	}
	return a
}

func applyAll(t testing.TB, a *Applier, items ...Item) Applied {
	t.Helper()
	res, err := a.Apply(t.Context(), items)
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	return res
}

// projected plays the steps and returns the database. Every situation is
// projected in one batch and, into other databases, in batches of one, also with
// a fresh start before each: they must not differ.
func projected(t testing.TB, steps ...step) *schema.DB {
	t.Helper()
	items := newScript().play(steps...).items()
	db := schematest.Open(t)
	applyAll(t, applier(t, db), items...)
	for _, restarts := range []bool{true, false} {
		if raceDetector && !restarts {
			break // slow there, and nothing in it runs beside anything else
		}
		other := schematest.Open(t)
		a := applier(t, other)
		for i := range items {
			if restarts {
				a = applier(t, other)
			}
			applyAll(t, a, items[i])
		}
		c, err := schema.Compare(t.Context(), db, other, 5)
		if err != nil {
			t.Fatalf("compare: %v", err)
		}
		for _, d := range c.Differences {
			t.Errorf("in batches of one, restarts %v: %s", restarts, d)
		}
	}
	return db
}

// rows returns what a query finds, a line for each row.
func rows(t testing.TB, q schema.Queryer, query string, args ...any) string {
	t.Helper()
	text, err := queryRows(t.Context(), q, query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return text
}

func queryRows(ctx context.Context, q schema.Queryer, query string, args ...any) (string, error) {
	r, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Close() }()
	columns, err := r.Columns()
	if err != nil {
		return "", err
	}
	vals, ptrs := make([]any, len(columns)), make([]any, len(columns))
	for i := range vals {
		ptrs[i] = &vals[i]
	}
	var b strings.Builder
	for r.Next() {
		if err := r.Scan(ptrs...); err != nil {
			return "", err
		}
		for i, v := range vals {
			if i > 0 {
				b.WriteByte(' ')
			}
			switch v := v.(type) {
			case nil:
				b.WriteByte('-')
			case string:
				if v == "" {
					v = "''"
				}
				b.WriteString(v)
			default:
				fmt.Fprint(&b, v)
			}
		}
		b.WriteByte('\n')
	}
	return b.String(), r.Err()
}

// wantRows compares a query's rows with lines, indented as the test pleases.
func wantRows(t testing.TB, q schema.Queryer, what, query string, want ...string) {
	t.Helper()
	got := rows(t, q, query)
	w := ""
	for _, l := range want {
		w += l + "\n"
	}
	if got != w {
		t.Errorf("%s:\n%swant:\n%s", what, got, w)
	}
}

// Queries with times in seconds from the epoch.
const (
	sessionRows = `SELECT channel, username, (started_ms - 1700000000000) / 1000, (ended_ms - 1700000000000) / 1000, opened_by, ended_by
		FROM user_sessions ORDER BY channel, opened_seq, username`
	userRows = `SELECT channel, username, joins, total_time_connected, total_chat_lines, current_session_start - 1700000000
		FROM user_stats ORDER BY channel, username`
	chatRows  = `SELECT channel, username, message FROM chat_messages ORDER BY seq`
	mediaRows = `SELECT media_id, (started_ms - 1700000000000) / 1000, (ended_ms - 1700000000000) / 1000, ended_by, resumed FROM media_history ORDER BY seq`
	listRows  = `SELECT position, uid, playing FROM playlist WHERE channel = 'tv' ORDER BY position`
	pollRows  = `SELECT initiator, (opened_ms - 1700000000000) / 1000, counts, (closed_ms - 1700000000000) / 1000, closed_by FROM polls ORDER BY opened_ms, initiator`
	deadRows  = `SELECT seq, reason_class FROM dead_letters ORDER BY seq`
)

// store is a place for a projector's database.
func storeIn(t testing.TB) schema.Store {
	t.Helper()
	return schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
}

// projectedIn plays the steps and projects them in batches of a size.
func projectedIn(t testing.TB, size int, steps ...step) *schema.DB {
	t.Helper()
	items := newScript().play(steps...).items()
	db := schematest.Open(t)
	a := applier(t, db)
	for at := 0; at < len(items); at += size {
		applyAll(t, a, items[at:min(at+size, len(items))]...)
	}
	return db
}
