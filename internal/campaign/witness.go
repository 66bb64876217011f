package campaign

import (
	"context"
	"database/sql"
	"encoding/json"
	"strconv"
	"strings"
	"sync/atomic"

	_ "modernc.org/sqlite" // the driver of spool and tables
)

// witness knows how far the lines of a talk are on disk for good: in the spool's
// queue, or in the tables and so in the stream. The bot commits in the order in
// which it reads, so that all lines before one that is there are there too.
//
// It may know less than is true; then a join brings lines again that are known,
// which is what a real channel does.
type witness struct {
	spool, tables string
	known         atomic.Int64
}

// look reads both files and returns the number of the last line known to be
// safe. A file that is not there, or cannot be read just now, tells nothing.
func (w *witness) look(ctx context.Context) int {
	var payload []byte
	if ask(ctx, w.spool, "SELECT data FROM events WHERE kind = 'message.log' ORDER BY id DESC LIMIT 1", &payload) == nil {
		var line struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(payload, &line) == nil {
			w.learn(line.Message)
		}
	}
	var text string
	if ask(ctx, w.tables, "SELECT message FROM chat_messages WHERE notice = '' AND username <> '"+botName+"' ORDER BY seq DESC LIMIT 1", &text) == nil {
		w.learn(text)
	}
	return int(w.known.Load())
}

func (w *witness) learn(text string) {
	n, ok := numberOf(text)
	for ok {
		known := w.known.Load()
		if int64(n) <= known || w.known.CompareAndSwap(known, int64(n)) {
			return
		}
	}
}

// numberOf is the number that a line of the talk begins with.
func numberOf(text string) (int, bool) {
	number, _, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(number)
	return n, err == nil && n > 0
}

// ask reads one value from a database that others are writing.
func ask(ctx context.Context, path, query string, into ...any) error {
	db, err := openToRead(path)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return db.QueryRowContext(ctx, query).Scan(into...)
}

func openToRead(path string) (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)")
}
