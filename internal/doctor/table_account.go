package doctor

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"rosey/internal/loss"
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
func readHoles(ctx context.Context, q schema.Queryer) (spans, error) {
	made, err := loss.Read(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("doctor: %w", err)
	}
	return runsOf(made.Holes), nil
}
