package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"rosey/events"
	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
)

const (
	// agreementTime bounds how long the tables are compared with each other, and as
	// long the full-text index with the chat.
	agreementTime = 2 * time.Second
	// markEvents bounds the events that are read of what raises a channel's marks.
	markEvents = 2_000
	// namedRows bounds how many rows are named of each thing that was compared.
	namedRows = 5
)

// bounded is a look at the tables that may take some time, and no more.
type bounded struct {
	ctx      context.Context
	findings []string
	left     []string // what there was no time for
}

// look calls f, whose findings count. Where the time is over by then, what f is about
// is left.
func (b *bounded) look(about string, f func(context.Context) ([]string, error)) error {
	found, err := f(b.ctx)
	if b.ctx.Err() != nil {
		if !slices.Contains(b.left, about) {
			b.left = append(b.left, about)
		}
		return nil // with whatever error that ended in
	}
	b.findings = append(b.findings, found...)
	return err
}

// rules looks for rows that break one.
func (b *bounded) rules(q schema.Queryer, list []schema.Rule) error {
	for _, r := range list {
		err := b.look(r.Table, func(ctx context.Context) (texts []string, err error) {
			found, err := r.Find(ctx, q, namedRows)
			for _, c := range found {
				texts = append(texts, c.String())
			}
			return texts, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// boundedLook runs what looks at tables of this program that can be read, and says what
// it came to.
func (e *examination) boundedLook(ctx context.Context, check, whole string, f func(*bounded) error) {
	if e.tables.checkpoint.Seq == 0 || e.found[TablesProgram].State != OK || e.found[TablesIntegrity].State != OK {
		return
	}
	limited, cancel := context.WithTimeout(ctx, cmp.Or(e.cfg.SampleTime, agreementTime))
	defer cancel()
	b := &bounded{ctx: limited}
	err := f(b)
	slices.Sort(b.findings)
	list := slices.Compact(b.findings) // two rules may name the same row
	switch {
	case len(list) > 0:
		e.wrong(check, "rosey replay   (rebuilds the tables from the stream)", "%s: %s", plural(len(list), "row is not as it should be", "rows are not as they should be"), some(list))
	case err != nil:
		e.unknown(check, "try again", "%v", err)
	case len(b.left) > 0:
		e.ok(check, "%s, as far as there was time; what is left to `rosey replay --verify`: %s", whole, strings.Join(b.left, ", "))
	default:
		e.ok(check, "%s", whole)
	}
}

// lookAtAgreement says whether the tables agree with each other: what one of them has
// follows in part from what others have.
func (e *examination) lookAtAgreement(ctx context.Context) {
	e.boundedLook(ctx, TablesAgreement, "no table contradicts another one or the checkpoint", func(b *bounded) error {
		if err := b.rules(e.tables.tx, schema.Rules()); err != nil {
			return err
		}
		if e.cfg.stream == nil || !e.related || e.scan == nil || e.scan.holes > 0 {
			return nil // what raised a mark may be what was erased
		}
		return b.look("channel_stats", e.lookAtMarks)
	})
}

// mark is a number of users at a time.
type mark struct {
	channel   string
	connected bool
	users     int64
	at        int64 // Unix seconds
}

// lookAtMarks looks for marks that nothing has raised: each is the first of the greatest
// numbers that were recorded, or what an event says of marks alone.
func (e *examination) lookAtMarks(ctx context.Context) (findings []string, err error) {
	told, all, err := e.toldMarks(ctx)
	if err != nil || !all {
		return nil, err
	}
	rows, err := e.tables.tx.QueryContext(ctx, `SELECT channel, max_users, max_users_timestamp, max_connected, max_connected_timestamp,
		coalesce((SELECT timestamp FROM user_count_history h WHERE h.channel = s.channel AND chat_users = max_users ORDER BY seq LIMIT 1), 0),
		coalesce((SELECT timestamp FROM user_count_history h WHERE h.channel = s.channel AND connected_users = max_connected ORDER BY seq LIMIT 1), 0),
		EXISTS (SELECT 1 FROM user_count_history h WHERE h.channel = s.channel AND chat_users = max_users),
		EXISTS (SELECT 1 FROM user_count_history h WHERE h.channel = s.channel AND connected_users = max_connected)
		FROM channel_stats s ORDER BY channel`)
	if err != nil {
		return nil, fmt.Errorf("doctor: compare channel_stats: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var channel string
		var marks [2]mark
		var first [2]int64
		var counted [2]bool
		if err := rows.Scan(&channel, &marks[0].users, &marks[0].at, &marks[1].users, &marks[1].at, &first[0], &first[1], &counted[0], &counted[1]); err != nil {
			return nil, fmt.Errorf("doctor: compare channel_stats: %w", err)
		}
		for i, column := range []string{"max_users", "max_connected"} {
			m := marks[i]
			m.channel, m.connected = channel, i == 1
			raised := m.users == 0 && m.at == 0 || counted[i] && m.at == first[i] || told[m]
			if !raised {
				findings = append(findings, fmt.Sprintf("channel_stats of %q (%s)", channel, column))
			}
		}
	}
	return findings, rows.Err()
}

// toldMarks reads the events that are about marks alone. all is false where there are
// too many of them.
func (e *examination) toldMarks(ctx context.Context) (told map[mark]bool, all bool, err error) {
	told = map[mark]bool{}
	to := e.tables.checkpoint.Seq
	from := max(e.scan.first, 1)
	if from > to {
		return told, true, nil
	}
	subject := events.Subject(events.KindHighWater)
	r, err := e.cfg.stream.Reader(ctx, streams.ReadOptions{From: from, UpTo: to, Subjects: []string{subject, subject + ".*"}, InFlight: markEvents})
	if err != nil {
		return nil, false, fmt.Errorf("doctor: compare channel_stats: %w", err)
	}
	defer r.Close()
	dec := events.NewDecoder()
	for n := 0; ; n++ {
		m, err := r.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return told, true, nil
		case err != nil:
			return nil, false, fmt.Errorf("doctor: compare channel_stats: %w", err)
		case n == markEvents:
			return nil, false, nil
		}
		it := projector.Decode(dec, m)
		if it.Event == nil {
			continue
		}
		it.Event.Default(m.Time.UnixMilli(), e.tables.checkpoint.DefaultChannel)
		if c, ok := it.Event.Payload.(*events.Counts); ok {
			at := time.UnixMilli(it.Event.TimeMS).Unix()
			told[mark{it.Event.Channel, false, c.Chat, at}] = true
			told[mark{it.Event.Channel, true, c.Connected, at}] = true
		}
	}
}
