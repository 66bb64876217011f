package schema

import (
	"context"
	"fmt"
	"strings"
)

// Contradiction is a row that cannot be as it is beside the other rows, whatever
// the stream says.
type Contradiction struct {
	Table  string
	Row    string // its sequence, or what else its key is
	Detail string
}

func (c Contradiction) String() string { return fmt.Sprintf("%s %s (%s)", c.Table, c.Row, c.Detail) }

// Rule is one thing that rows of several tables, made by the same program, always
// agree in.
type Rule struct {
	// Table is what the rule is about.
	Table string
	query string // of key and detail
}

// Find lists the rows that break the rule, at most limit. It reads the tables that the
// rule is about, and takes as long; the context may end it.
func (r Rule) Find(ctx context.Context, q Queryer, limit int) (list []Contradiction, err error) {
	rows, err := q.QueryContext(ctx, r.query+" LIMIT ?", limit)
	if err != nil {
		return nil, fmt.Errorf("schema: look for contradictions in %s: %w", r.Table, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		c := Contradiction{Table: r.Table}
		if err := rows.Scan(&c.Row, &c.Detail); err != nil {
			return nil, fmt.Errorf("schema: look for contradictions in %s: %w", r.Table, err)
		}
		list = append(list, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("schema: look for contradictions in %s: %w", r.Table, err)
	}
	return list, nil
}

// Rules lists what tables agree in that an event was applied to, those first that
// take the least time.
func Rules() []Rule {
	var list []Rule
	for _, c := range []struct{ table, column string }{
		{"chat_messages", "seq"}, {"user_count_history", "seq"}, {"dead_letters", "seq"}, {"operator_decisions", "seq"}, {"bot_sessions", "seq"},
		{"media_history", "seq"}, {"media_history", "last_seq"}, {"polls", "first_seq"}, {"polls", "last_seq"}, {"outbound_messages", "seq"},
		{"event_parts", "seq"}, {"stream_holes", "last_seq"}, {"user_sessions", "opened_seq"}, {"user_sessions", "ended_seq"}, {"user_actions", "seq"},
	} {
		// The greatest alone is found by an index where there is one.
		list = append(list, Rule{c.table, strings.NewReplacer("COLUMN", c.column, "TABLE", c.table).Replace(
			`SELECT 'seq=' || found, 'COLUMN is beyond the checkpoint' FROM (SELECT max(COLUMN) AS found FROM TABLE) WHERE found > (SELECT seq FROM projection_state)`)})
	}
	return append(list, rules...)
}

// named is the key of a table of users.
const named = `'of ' || json_quote(u.username) || ' in ' || json_quote(u.channel)`

var rules = []Rule{
	{"channel_observation", `SELECT 'of ' || json_quote(channel), 'connected_seq or suspended_seq is beyond the checkpoint' FROM channel_observation
		WHERE max(connected_seq, suspended_seq) > (SELECT seq FROM projection_state)`},
	{"channel_observation", `SELECT 'of ' || json_quote(channel), 'no connection began at connected_seq' FROM channel_observation o
		WHERE connected_seq > 0 AND NOT EXISTS (SELECT 1 FROM bot_sessions b WHERE b.seq = o.connected_seq AND b.channel = o.channel)`},
	{"channel_observation", `SELECT 'of ' || json_quote(channel), 'is missing' FROM (SELECT DISTINCT channel FROM bot_sessions) b
		WHERE NOT EXISTS (SELECT 1 FROM channel_observation o WHERE o.channel = b.channel)`},
	{"current_status", `SELECT 'of ' || json_quote(channel), 'is missing' FROM channel_observation o
		WHERE connected_seq > 0 AND NOT EXISTS (SELECT 1 FROM current_status c WHERE c.channel = o.channel)`},
	{"bot_sessions", `SELECT 'seq=' || min(seq), 'another one of its producer goes on' FROM bot_sessions WHERE reason IS NULL GROUP BY producer HAVING count(*) > 1`},
	{"producer_positions", `SELECT 'of ' || json_quote(producer), 'events is not what last_seq and gaps come to' FROM producer_positions
		WHERE events <> last_seq - (SELECT coalesce(sum(json_extract(value, '$[1]') - json_extract(value, '$[0]') + 1), 0) FROM json_each(gaps))`},
	{"producer_positions", `SELECT 'of ' || json_quote(producer), 'first_seq is not what gaps says' FROM producer_positions
		WHERE first_seq <> CASE WHEN json_extract(gaps, '$[0][0]') = 1 THEN json_extract(gaps, '$[0][1]') + 1 ELSE 1 END`},
	// A mark is raised by every number of users that was recorded; by others too.
	{"channel_stats", `SELECT 'of ' || json_quote(h.channel), 'less than was counted'
		FROM (SELECT channel, max(chat_users) AS chat, max(connected_users) AS connected FROM user_count_history GROUP BY channel) h
		LEFT JOIN channel_stats s ON s.channel = h.channel
		WHERE max(h.chat, 0) > coalesce(s.max_users, 0) OR max(h.connected, 0) > coalesce(s.max_connected, 0)`},
	// What is known of a user last came with the latest stay, which alone can go on.
	{"user_stats", `SELECT ` + named + `, CASE WHEN u.rank IS l.rank THEN 'current_session_start' ELSE 'rank' END || ' is not that of the latest stay'
		FROM user_stats u LEFT JOIN user_sessions l ON l.channel = u.channel AND l.username = u.username
			AND l.opened_seq = (SELECT max(opened_seq) FROM user_sessions m WHERE m.channel = u.channel AND m.username = u.username)
		WHERE u.rank IS NOT l.rank
			OR u.current_session_start IS NOT CASE WHEN l.ended_ms IS NULL THEN l.started_ms / 1000 - (l.started_ms % 1000 < 0) END`},
	{"user_stats", `SELECT ` + named + `, 'should not be there' FROM user_stats u
		WHERE NOT EXISTS (SELECT 1 FROM user_sessions s WHERE s.channel = u.channel AND s.username = u.username)
		  AND NOT EXISTS (SELECT 1 FROM user_actions a WHERE a.channel = u.channel AND a.username = u.username)
		  AND NOT EXISTS (SELECT 1 FROM chat_messages c WHERE c.channel = u.channel AND c.username = u.username AND c.notice = '')`},
	{"user_stats", `SELECT ` + named + `, 'is missing' FROM (SELECT DISTINCT channel, username FROM user_sessions) u
		WHERE NOT EXISTS (SELECT 1 FROM user_stats t WHERE t.channel = u.channel AND t.username = u.username)`},
	{"user_stats", `SELECT ` + named + `, 'is missing' FROM (SELECT DISTINCT channel, username FROM user_actions) u
		WHERE NOT EXISTS (SELECT 1 FROM user_stats t WHERE t.channel = u.channel AND t.username = u.username)`},
	{"user_stats", `SELECT ` + named + `, 'is missing' FROM (SELECT DISTINCT channel, username FROM chat_messages) u
		WHERE u.username <> '' AND NOT EXISTS (SELECT 1 FROM user_stats t WHERE t.channel = u.channel AND t.username = u.username)
		  AND EXISTS (SELECT 1 FROM chat_messages c WHERE c.channel = u.channel AND c.username = u.username AND c.notice = '')`},
	// Rosters and private messages can show somebody earlier and later still.
	{"user_stats", `SELECT ` + named + `, 'first_seen is after, or last_seen before, what was seen' FROM user_stats u
		JOIN (SELECT channel, username, min(started_ms) AS first, max(max(started_ms, coalesce(ended_ms, started_ms))) AS last FROM user_sessions GROUP BY channel, username) s
			ON s.channel = u.channel AND s.username = u.username
		WHERE u.first_seen > s.first / 1000 - (s.first % 1000 < 0) OR u.last_seen < s.last / 1000 - (s.last % 1000 < 0)`},
	{"user_stats", `SELECT ` + named + `, 'first_seen is after, or last_seen before, when somebody came or left' FROM user_stats u
		JOIN (SELECT channel, username, min(timestamp) AS first, max(timestamp) AS last FROM user_actions WHERE action IN ('join', 'leave') GROUP BY channel, username) a
			ON a.channel = u.channel AND a.username = u.username
		WHERE u.first_seen > a.first OR u.last_seen < a.last`},
	{"user_stats", `SELECT ` + named + `, 'first_seen is after, or last_seen before, a line' FROM user_stats u
		JOIN (SELECT channel, username, min(time_ms) AS first, max(time_ms) AS last FROM chat_messages WHERE notice = '' GROUP BY channel, username) c
			ON c.channel = u.channel AND c.username = u.username
		WHERE u.first_seen > c.first / 1000 - (c.first % 1000 < 0) OR u.last_seen < c.last / 1000 - (c.last % 1000 < 0)`},
}
