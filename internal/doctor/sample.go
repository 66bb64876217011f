package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"rosey/events"
	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
)

// How much is sampled. Each message is a request to the server, well below a
// millisecond where it is near; where it is not, the time ends it.
const (
	sampleNewest = 40  // of the newest rows, and as many of the newest events
	sampleRows   = 80  // lines of chat anywhere
	sampleEvents = 120 // events anywhere
	sampleUsers  = 30
	// sampleAll is how many events are so few that all are looked at.
	sampleAll   = 200
	sampleTime  = 700 * time.Millisecond
	sampleLeast = 10 // messages, however long they take
	// sampleLines bounds the rows that users' totals are counted from.
	sampleLines = 100_000
)

// sampledTables are those whose rows follow from one event each.
var sampledTables = []string{"chat_messages", "user_count_history", "dead_letters", "operator_decisions"}

// sample compares rows with the messages that they are made of, and events with
// the rows that there should be. The same database is always sampled in the same
// places; one that has gone on since, in others.
type sample struct {
	tables *tables
	stream *streams.Stream
	rand   *rand.Rand
	limit  time.Duration // of reading messages, of which a few are read in any case

	seqs     map[uint64]bool
	channels map[string][]string // of some tables, the channels that they have rows of
	alone    *schema.DB          // what the sampled messages come to
	events   int
	rows     int
	users    int
	since    int // events since the last join, of all channels
	findings []string
}

// lookAtSample says whether rows that are looked at here and there are what the
// stream says.
func (e *examination) lookAtSample(ctx context.Context) {
	if e.cfg.stream == nil || !e.related || e.tables.checkpoint.Seq == 0 || e.found[TablesProgram].State != OK || e.found[TablesIntegrity].State == Wrong {
		return
	}
	if e.scan == nil && e.found[StreamWhole].State == Wrong {
		e.unknown(TablesSample, "see "+StreamWhole, "the stream cannot be read")
		return
	}
	seed := fnv.New64a()
	_, _ = seed.Write([]byte(e.tables.checkpoint.StreamID))
	s := &sample{
		tables: e.tables, stream: e.cfg.stream, rand: rand.New(rand.NewPCG(seed.Sum64(), e.tables.checkpoint.Seq)),
		limit: cmp.Or(e.cfg.SampleTime, sampleTime), seqs: map[uint64]bool{},
	}
	err := s.run(ctx, max(e.state.FirstSeq, 1))
	const more = "`rosey replay --verify` compares every row"
	switch {
	case len(s.findings) > 0:
		e.wrong(TablesSample, "rosey replay   (rebuilds the tables from the stream)", "%s not what the stream says, of %s, %s and %s: %s",
			plural(len(s.findings), "sampled row is", "sampled rows are"), plural(s.rows, "row"), plural(s.events, "event"), plural(s.users, "user"), some(s.findings))
	case err != nil:
		e.unknown(TablesSample, "try again", "%v", err)
	default:
		e.ok(TablesSample, "%s, %s, %s since the last join and the totals of %s are what the stream says; %s", plural(s.rows, "sampled row"), plural(s.events, "event"),
			plural(s.since, "event"), plural(s.users, "user"), more)
	}
}

func (s *sample) run(ctx context.Context, first uint64) (err error) {
	if err := s.choose(ctx, first); err != nil {
		return err
	}
	messages, err := s.fetch(ctx)
	if err != nil {
		return err
	}
	s.alone, err = projector.Alone(ctx, s.stream.Identity(), s.tables.checkpoint.DefaultChannel, messages)
	if err != nil {
		return fmt.Errorf("doctor: apply a sample: %w", err)
	}
	defer func() { err = errors.Join(err, s.alone.Close()) }()
	for i := range messages {
		m := &messages[i]
		if kind, _, _ := events.ParseSubject(m.Subject); kind == events.KindBotPart {
			continue // what it comes to depends on the other parts
		}
		s.events++
		for _, table := range sampledTables {
			if err := s.compare(ctx, table, m); err != nil {
				return err
			}
		}
		if err := s.compareTold(ctx, m); err != nil {
			return fmt.Errorf("doctor: sample seq=%d: %w", m.Seq, err)
		}
	}
	if err := s.lookAtUsers(ctx); err != nil {
		return err
	}
	return s.lookSinceTheJoin(ctx, first)
}

// choose picks the sequences: of the newest rows and of rows anywhere, and of
// events whether or not they have rows.
func (s *sample) choose(ctx context.Context, first uint64) error {
	checkpoint := s.tables.checkpoint.Seq
	for _, table := range sampledTables {
		err := s.pick(ctx, "SELECT seq FROM "+table+" ORDER BY seq DESC LIMIT ?", sampleNewest)
		for range sampleRows {
			if err == nil {
				err = s.pick(ctx, "SELECT seq FROM "+table+" WHERE seq >= ? ORDER BY seq LIMIT 1", int64(1+s.rand.Uint64N(checkpoint)))
			}
		}
		if err != nil {
			return err
		}
	}
	if err := s.chooseTold(ctx); err != nil {
		return err
	}
	if first > checkpoint {
		return nil // none of its events is there any more
	}
	for seq := checkpoint; seq >= first && checkpoint-seq < sampleNewest; seq-- {
		s.seqs[seq] = true
	}
	if checkpoint-first < sampleAll {
		for seq := first; seq <= checkpoint; seq++ {
			s.seqs[seq] = true
		}
		return nil
	}
	for range sampleEvents {
		s.seqs[first+s.rand.Uint64N(checkpoint-first+1)] = true
	}
	return nil
}

func (s *sample) pick(ctx context.Context, query string, args ...any) (err error) {
	rows, err := s.tables.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("doctor: sample rows: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return fmt.Errorf("doctor: sample rows: %w", err)
		}
		if seq > 0 {
			s.seqs[uint64(seq)] = true
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("doctor: sample rows: %w", err)
	}
	return nil
}

// fetch reads the messages, in the order of the stream, as many as there is time
// for. Rows may outlive what they were made of.
func (s *sample) fetch(ctx context.Context) ([]streams.Message, error) {
	order := slices.Collect(maps.Keys(s.seqs))
	slices.Sort(order) // a map has no order, and the sample is to be the same
	s.rand.Shuffle(len(order), func(i, k int) { order[i], order[k] = order[k], order[i] })
	var list []streams.Message
	begin := time.Now()
	for _, seq := range order {
		if len(list) >= sampleLeast && time.Since(begin) > s.limit {
			break
		}
		m, err := s.stream.Get(ctx, seq)
		if errors.Is(err, streams.ErrMessageNotFound) || errors.Is(err, streams.ErrUnreadable) {
			continue // StreamErased and StreamWhole are about those
		}
		if err != nil {
			return nil, fmt.Errorf("doctor: sample events: %w", err)
		}
		list = append(list, *m)
	}
	slices.SortFunc(list, func(a, b streams.Message) int { return int(int64(a.Seq) - int64(b.Seq)) })
	return list, nil
}

// compare looks at the row of a table that belongs to a message.
func (s *sample) compare(ctx context.Context, table string, m *streams.Message) error {
	want, err := schema.RowAt(ctx, s.alone, table, m.Seq)
	if err != nil {
		return fmt.Errorf("doctor: %w", err)
	}
	got, err := schema.RowAt(ctx, s.tables.tx, table, m.Seq)
	if err != nil {
		return fmt.Errorf("doctor: %w", err)
	}
	switch {
	case want != nil && got != nil:
		s.rows++
		if columns := want.Differing(got); len(columns) > 0 {
			s.find("%s seq=%d (%s)", table, m.Seq, strings.Join(columns, ", "))
		}
	case want != nil:
		elsewhere, err := s.elsewhere(ctx, table, m)
		if err != nil {
			return fmt.Errorf("doctor: sample %s seq=%d: %w", table, m.Seq, err)
		}
		if !elsewhere {
			s.rows++
			s.find("%s seq=%d is missing", table, m.Seq)
		}
	case got != nil && table != "user_count_history": // there, another producer of the sample may lead
		s.rows++
		s.find("%s seq=%d should not be there", table, m.Seq)
	}
	return nil
}

// elsewhere reports whether a row may be missing where its message is: it was said
// before, was appended before, or comes from somebody who did not lead.
func (s *sample) elsewhere(ctx context.Context, table string, m *streams.Message) (there bool, err error) {
	switch table {
	case "user_count_history":
		return true, nil
	case "chat_messages":
		var channel, username string
		var ms, hash int64
		err = s.alone.QueryRowContext(ctx, "SELECT channel, time_ms, username, text_hash FROM chat_messages WHERE seq = ?", int64(m.Seq)).
			Scan(&channel, &ms, &username, &hash)
		if err == nil {
			err = s.tables.tx.QueryRowContext(ctx, `SELECT count(*) FROM chat_messages
				WHERE channel = ? AND time_ms = ? AND username = ? AND text_hash = ? AND seq < ?`, channel, ms, username, hash, int64(m.Seq)).Scan(&there)
		}
	case "dead_letters":
		err = s.tables.tx.QueryRowContext(ctx, "SELECT count(*) > 0 FROM dead_letters WHERE seq < ? AND payload = ?", int64(m.Seq), append([]byte{}, m.Data...)).
			Scan(&there)
	}
	return there, err
}

func (s *sample) find(format string, args ...any) {
	s.findings = append(s.findings, fmt.Sprintf(format, args...))
}

// lookAtUsers compares the totals of some users with the rows that they are sums
// of.
func (s *sample) lookAtUsers(ctx context.Context) error {
	var users int
	if err := s.tables.tx.QueryRowContext(ctx, "SELECT count(*) FROM user_stats").Scan(&users); err != nil {
		return fmt.Errorf("doctor: sample users: %w", err)
	}
	if users == 0 {
		return nil
	}
	places := map[int]bool{}
	for at := range sampleUsers {
		if users > sampleUsers { // otherwise all of them
			at = s.rand.IntN(users)
		}
		places[at%users] = true
	}
	order := slices.Sorted(maps.Keys(places))
	var lines int64
	for _, at := range order {
		n, err := s.user(ctx, at, sampleLines-lines)
		if err != nil {
			return err
		}
		lines += n
	}
	return nil
}

// user compares one, and counts no more lines than there is room for. It returns
// how many it counted.
func (s *sample) user(ctx context.Context, at int, room int64) (lines int64, err error) {
	var channel, name string
	var got, want [4]int64
	err = s.tables.tx.QueryRowContext(ctx, `SELECT channel, username, total_chat_lines, joins, connected_ms, afk_ms
		FROM user_stats ORDER BY channel, username LIMIT 1 OFFSET ?`, at).Scan(&channel, &name, &got[0], &got[1], &got[2], &got[3])
	limit := min(max(got[0], 0), max(room, 0)) + 1
	if err == nil {
		err = s.tables.tx.QueryRowContext(ctx, `SELECT
			(SELECT count(*) FROM (SELECT 1 FROM chat_messages WHERE channel = ?1 AND username = ?2 AND notice = '' LIMIT ?3)),
			(SELECT count(*) FROM user_actions WHERE channel = ?1 AND username = ?2 AND action = 'join'),
			(SELECT coalesce(sum(connected_ms), 0) FROM user_sessions WHERE channel = ?1 AND username = ?2 AND ended_ms IS NOT NULL),
			(SELECT coalesce(sum(afk_ms), 0) FROM user_sessions WHERE channel = ?1 AND username = ?2 AND ended_ms IS NOT NULL)`, channel, name, limit).
			Scan(&want[0], &want[1], &want[2], &want[3])
	}
	if err != nil {
		return 0, fmt.Errorf("doctor: sample users: %w", err)
	}
	s.users++
	lines = want[0]
	if got[0] > room && lines == limit {
		want[0] = got[0] // there are more than were counted
	}
	var differing []string
	for i, column := range []string{"total_chat_lines", "joins", "connected_ms", "afk_ms"} {
		if got[i] != want[i] {
			differing = append(differing, column)
		}
	}
	if len(differing) > 0 {
		s.find("user_stats of %q in %q (%s)", name, channel, strings.Join(differing, ", "))
	}
	return lines, nil
}
