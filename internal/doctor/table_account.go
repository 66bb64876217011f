package doctor

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"rosey/schema"
)

// tableAccount is what the database says of one producer.
type tableAccount struct {
	channel     string
	present     spans
	duplicates  uint64
	previous    string
	previousSeq uint64
}

// readPositions reads the table producer_positions.
func readPositions(ctx context.Context, q schema.Queryer) (_ map[string]*tableAccount, err error) {
	rows, err := q.QueryContext(ctx, `SELECT producer, channel, last_seq, duplicates, gaps, previous, previous_seq FROM producer_positions`)
	if err != nil {
		return nil, fmt.Errorf("doctor: read producer_positions: %w", err)
	}
	defer func() { _ = rows.Close() }()
	list := map[string]*tableAccount{}
	for rows.Next() {
		var producer, gaps string
		var last, previousSeq int64
		var a tableAccount
		if err := scanPosition(rows, &producer, &a, &last, &gaps, &previousSeq); err != nil {
			return nil, err
		}
		var missing spans
		if err := json.Unmarshal([]byte(gaps), &missing); err != nil {
			return nil, fmt.Errorf("doctor: read producer_positions: gaps of %s: %w", producer, err)
		}
		a.present = upTo(uint64(max(last, 0))).minus(missing)
		a.previousSeq = uint64(max(previousSeq, 0))
		list[producer] = &a
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("doctor: read producer_positions: %w", err)
	}
	return list, nil
}

func scanPosition(rows *sql.Rows, producer *string, a *tableAccount, last *int64, gaps *string, previousSeq *int64) error {
	if err := rows.Scan(producer, &a.channel, last, &a.duplicates, gaps, &a.previous, previousSeq); err != nil {
		return fmt.Errorf("doctor: read producer_positions: %w", err)
	}
	return nil
}

// readHoles reads which messages were erased before the tables had them.
func readHoles(ctx context.Context, q schema.Queryer) (_ spans, err error) {
	rows, err := q.QueryContext(ctx, "SELECT first_seq, last_seq FROM stream_holes ORDER BY first_seq")
	if err != nil {
		return nil, fmt.Errorf("doctor: read stream_holes: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list spans
	for rows.Next() {
		var first, last int64
		if err := rows.Scan(&first, &last); err != nil {
			return nil, fmt.Errorf("doctor: read stream_holes: %w", err)
		}
		if first > 0 && last >= first {
			list = append(list, Span{uint64(first), uint64(last)})
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("doctor: read stream_holes: %w", err)
	}
	return list, nil
}
