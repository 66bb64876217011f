package campaign

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"rosey/bot/spool"
	"rosey/internal/campaign/model"
)

// compareSpool asks the spool how many events each run was given, and whether
// anything is left of them.
func (s *segment) compareSpool(ctx context.Context, h *history) error {
	in, err := spool.Inspect(ctx, s.witness.spool)
	if err != nil {
		return err
	}
	var found findings
	for _, p := range in.Producers {
		last := uint64(0)
		if have := h.producers[p.Producer]; have != nil {
			last = have.last
		}
		if last != p.LastSeq {
			found.lost = append(found.lost, fmt.Sprintf("producer %s put %d events, the stream has %d", p.Producer, p.LastSeq, last))
		}
	}
	if len(in.Producers) < len(h.producers) {
		found.differences = append(found.differences, fmt.Sprintf("the spool knows %d producers, the stream %d", len(in.Producers), len(h.producers)))
	}
	if in.Depth.Events > 0 || len(in.SetAside) > 0 || len(in.Damaged) > 0 {
		found.differences = append(found.differences, fmt.Sprintf("the spool still holds %d events, %d set aside, %d damaged files",
			in.Depth.Events, len(in.SetAside), len(in.Damaged)))
	}
	s.tell(found)
	return nil
}

// compareTables holds the tables against the ledger and the model.
func (s *segment) compareTables(ctx context.Context, m *model.Model) (err error) {
	db, err := openToRead(s.witness.tables)
	if err != nil {
		return fmt.Errorf("campaign: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	found, perUser, err := s.compareLines(ctx, db)
	if err != nil {
		return err
	}
	s.tell(found)
	found, err = compareCounts(ctx, db, perUser)
	if err != nil {
		return err
	}
	s.tell(found)
	if err := s.evidence.ReadRows(ctx, db); err != nil {
		return fmt.Errorf("campaign: %w", err)
	}
	differences, err := m.Compare(ctx, db)
	if err != nil {
		return fmt.Errorf("campaign: %w", err)
	}
	found = findings{}
	for _, d := range differences {
		found.differences = append(found.differences, "by the model: "+d.String())
	}
	s.tell(found)
	return nil
}

// compareLines wants each line exactly once, those of the bot included, and no
// other. It returns how many each speaker said.
func (s *segment) compareLines(ctx context.Context, db *sql.DB) (found findings, perUser map[string]int, err error) {
	rows, err := db.QueryContext(ctx, "SELECT seq, time_ms, username, message FROM chat_messages WHERE notice = ''")
	if err != nil {
		return found, nil, fmt.Errorf("campaign: read the lines: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	copies, spoken, own := make([]int, s.talk.said()+1), s.spoken(), 0
	for rows.Next() {
		var seq, timeMS int64
		var name, message string
		if err := rows.Scan(&seq, &timeMS, &name, &message); err != nil {
			return found, nil, fmt.Errorf("campaign: read the lines: %w", err)
		}
		if name == botName {
			// Whatever is still there has not come by.
			if own++; !spoken[spokenLine{timeMS, message}] {
				found.differences = append(found.differences, fmt.Sprintf("the tables hold a line of the bot's again, or one that it did not say, seq=%d", seq))
			}
			delete(spoken, spokenLine{timeMS, message})
			continue
		}
		n, ok := numberOf(message)
		if !ok || n >= len(copies) || message != text(n) || name != speaker(n) || timeMS != s.talk.time(n) {
			found.differences = append(found.differences, fmt.Sprintf("the tables hold a line that nobody said, seq=%d", seq))
			continue
		}
		if copies[n]++; copies[n] > 1 {
			found.duplicated = append(found.duplicated, fmt.Sprintf("line %d is in the tables again, seq=%d", n, seq))
		}
	}
	if err := rows.Err(); err != nil {
		return found, nil, fmt.Errorf("campaign: read the lines: %w", err)
	}
	if len(spoken) > 0 {
		found.lost = append(found.lost, fmt.Sprintf("%d lines of the bot's own are not in the tables", len(spoken)))
	}
	perUser = map[string]int{}
	if own > 0 {
		perUser[botName] = own
	}
	for n := 1; n < len(copies); n++ {
		perUser[speaker(n)]++
		if copies[n] == 0 {
			found.lost = append(found.lost, fmt.Sprintf("line %d is not in the tables", n))
		}
	}
	return found, perUser, nil
}

// compareCounts wants the users' counts to be those of the ledger.
func compareCounts(ctx context.Context, db *sql.DB, want map[string]int) (found findings, err error) {
	rows, err := db.QueryContext(ctx, "SELECT username, total_chat_lines FROM user_stats WHERE total_chat_lines > 0")
	if err != nil {
		return found, fmt.Errorf("campaign: read the counts: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	got := map[string]int{}
	for rows.Next() {
		var name string
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			return found, fmt.Errorf("campaign: read the counts: %w", err)
		}
		got[name] = n
	}
	if err := rows.Err(); err != nil {
		return found, fmt.Errorf("campaign: read the counts: %w", err)
	}
	for name, n := range got {
		if want[name] != n {
			found.differences = append(found.differences, fmt.Sprintf("user_stats counts %d lines by %s, who said %d", n, name, want[name]))
		}
	}
	for name, n := range want {
		if got[name] == 0 {
			found.differences = append(found.differences, fmt.Sprintf("user_stats does not have %s, who said %d lines", name, n))
		}
	}
	for query, what := range map[string]string{
		"SELECT count(*) FROM dead_letters":                          "dead letters",
		"SELECT count(*) FROM producer_positions WHERE gaps <> '[]'": "producers with gaps",
		"SELECT count(*) FROM stream_holes":                          "holes in the stream",
	} {
		var n int
		if err := db.QueryRowContext(ctx, query).Scan(&n); err != nil {
			return found, fmt.Errorf("campaign: count the %s: %w", what, err)
		}
		if n > 0 {
			found.differences = append(found.differences, fmt.Sprintf("the tables have %d %s", n, what))
		}
	}
	return found, nil
}
