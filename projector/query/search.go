package query

import (
	"context"
	"database/sql"
	"strings"
	"unicode"

	"rosey/schema"
)

// SearchOptions says what to look for in the chat.
type SearchOptions struct {
	// Text is what people said: every word of it has to occur. It is never syntax.
	Text string
	// Channel and Username narrow the search; empty means all.
	Channel  string
	Username string
	// Before leaves out this sequence and later ones.
	Before int64
	// Limit is how many lines. Default DefaultLimit, at most MaxLimit.
	Limit int
	// Look is how many lines are looked at for one page, at most, where the index alone
	// cannot tell whether they are meant; 0 means all.
	Look int
}

// SearchPage is what was found, newest first.
type SearchPage struct {
	Messages []Message `json:"messages"`
	// Before is the key of the next, older page, 0 at the end. It is there too where a
	// page is short because enough lines were looked at for one.
	Before int64 `json:"before"`
}

// Message is one line of chat.
type Message struct {
	Seq       int64  `json:"seq"`
	Channel   string `json:"channel"`
	Timestamp int64  `json:"timestamp"`
	TimeMS    int64  `json:"time_ms"`
	Username  string `json:"username"`
	Message   string `json:"message"`
	// Notice names the speaker of a line that no person wrote.
	Notice string `json:"notice"`
	Style  string `json:"style"`
}

// Bounds of a search.
const (
	maxSearchBytes = 2000
	maxSearchWords = 64
	// lookLimit is how many lines the service looks at for one page.
	lookLimit = 100_000
)

// SearchChat finds lines of chat by the full-text index, and by their characters
// where a word has none that the index holds, such as emoji. The error is
// ErrInvalid for a text without words.
func SearchChat(ctx context.Context, q schema.Queryer, o SearchOptions) (SearchPage, error) {
	indexed, plain, err := searchWords(o.Text)
	if err != nil {
		return SearchPage{}, err
	}
	where, args := []string{"m.seq < ?"}, []any{older(o.Before)}
	and := func(condition string, arg any) {
		where, args = append(where, condition), append(args, arg)
	}
	from, order := "chat_messages m", "m.seq"
	if len(indexed) > 0 {
		// The index gives its rows in this order by itself.
		from, order = "chat_search JOIN chat_messages m ON m.seq = chat_search.rowid", "chat_search.rowid"
		and("chat_search MATCH ?", quoteWords(indexed))
		and("chat_search.rowid < ?", older(o.Before))
	}
	// Where lines have to be looked at one by one, so many of the newest are.
	var end int64
	if o.Look > 0 && o.looks(len(plain)) {
		if end, err = lookEnd(ctx, q, indexed, o); err != nil {
			return SearchPage{}, err
		}
		and(order+" >= ?", end)
	}
	for _, w := range plain {
		and("instr(m.message, ?) > 0", w)
	}
	// The sign keeps the order of the lines: the index of names would sort all that
	// somebody ever said.
	if o.Channel != "" {
		and("+m.channel = ?", o.Channel)
	}
	if o.Username != "" {
		and("+m.username = ?", o.Username)
	}
	args = append(args, limited(o.Limit)+1)
	list, err := collect(ctx, q, "chat_search", func(r *sql.Rows, m *Message) error {
		return r.Scan(&m.Seq, &m.Channel, &m.Timestamp, &m.TimeMS, &m.Username, &m.Message, &m.Notice, &m.Style)
	}, "SELECT m.seq, m.channel, m.timestamp, m.time_ms, m.username, m.message, m.notice, m.style FROM "+from+
		" WHERE "+strings.Join(where, " AND ")+" ORDER BY "+order+" DESC LIMIT ?", args...)
	if err != nil {
		return SearchPage{}, err
	}
	var p SearchPage
	p.Messages, p.Before = page(list, limited(o.Limit), func(m Message) int64 { return m.Seq })
	if p.Before == 0 {
		p.Before = end
	}
	return p, nil
}

// looks reports whether lines have to be looked at that the index does not rule out.
func (o SearchOptions) looks(plain int) bool { return plain > 0 || o.Channel != "" || o.Username != "" }

// lookEnd is the oldest line that is looked at for a page, 0 where that is the first
// of all.
func lookEnd(ctx context.Context, q schema.Queryer, indexed []string, o SearchOptions) (end int64, err error) {
	text, args := "SELECT seq FROM chat_messages WHERE seq < ? ORDER BY seq DESC LIMIT 1 OFFSET ?", []any{older(o.Before), o.Look - 1}
	if len(indexed) > 0 {
		text = "SELECT rowid FROM chat_search WHERE chat_search MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT 1 OFFSET ?"
		args = append([]any{quoteWords(indexed)}, args...)
	}
	return end, each(ctx, q, "chat_search", func(r *sql.Rows) error { return r.Scan(&end) }, text, args...)
}

// searchWords splits a text into words the full-text index can hold and those it
// cannot.
func searchWords(text string) (indexed, plain []string, err error) {
	if len(text) > maxSearchBytes {
		return nil, nil, invalid("search chat", "more than %d bytes", maxSearchBytes)
	}
	// SQLite reads a query up to its first NUL.
	words := strings.FieldsFunc(text, func(r rune) bool { return r == 0 || unicode.IsSpace(r) })
	if len(words) == 0 {
		return nil, nil, invalid("search chat", "no words to look for")
	}
	if len(words) > maxSearchWords {
		return nil, nil, invalid("search chat", "more than %d words", maxSearchWords)
	}
	for _, w := range words {
		if strings.ContainsFunc(w, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) {
			indexed = append(indexed, w)
		} else {
			plain = append(plain, w)
		}
	}
	return indexed, plain, nil
}

// quoteWords makes a query out of words: each is quoted, so that none of it is
// syntax.
func quoteWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = `"` + strings.ReplaceAll(w, `"`, `""`) + `"`
	}
	return strings.Join(quoted, " ")
}
