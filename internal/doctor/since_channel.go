package doctor

import (
	"context"
	"math"
	"strconv"

	"rosey/events"
	"rosey/projector"
	"rosey/schema"
)

// lookAtCounts compares the numbers of users that were recorded.
func (c *since) lookAtCounts(ctx context.Context) error {
	want, got, err := c.both(ctx, "SELECT * FROM user_count_history WHERE channel = ? AND seq BETWEEN ? AND ? ORDER BY seq", c.channel, int64(c.from), int64(c.to))
	if err != nil {
		return err
	}
	for _, p := range pair(want, got, "seq") {
		c.judge("user_count_history seq="+either(p).Value("seq"), p[0], p[1])
	}
	return nil
}

// lookAtActions compares what users did. Private messages are told by whoever got them;
// the name is that of the stay, which may have begun before.
func (c *since) lookAtActions(ctx context.Context) error {
	want, got, err := c.both(ctx, "SELECT * FROM user_actions WHERE channel = ? AND seq BETWEEN ? AND ? AND action <> 'pm' ORDER BY seq, username, action",
		c.channel, int64(c.from), int64(c.to))
	if err != nil {
		return err
	}
	for _, p := range pair(want, got, "seq", "username", "action") {
		c.judge("user_actions seq="+either(p).Value("seq"), p[0], p[1], "username")
	}
	return nil
}

// lookAtConnections compares the recorder's own connections.
func (c *since) lookAtConnections(ctx context.Context) error {
	want, got, err := c.both(ctx, "SELECT * FROM bot_sessions WHERE channel = ? AND producer = ? AND seq BETWEEN ? AND ? ORDER BY seq", c.channel, c.leader, int64(c.from), int64(c.to))
	if err != nil {
		return err
	}
	for _, p := range pair(want, got, "seq") {
		var but []string
		if !c.whole && p[0] != nil && p[0].Value("reason") == null {
			but = []string{"bot_name", "joined_ms", "last_observed_ms", "disconnected_ms", "reason"}
		}
		c.judge("bot_sessions seq="+either(p).Value("seq"), p[0], p[1], but...)
	}
	return nil
}

// lookAtOutcomes compares what became of messages to the channel. Others may tell of the
// same ones.
func (c *since) lookAtOutcomes(ctx context.Context) error {
	want, err := schema.Rows(ctx, c.db, "SELECT * FROM outbound_messages WHERE channel = ? ORDER BY seq", c.channel)
	if err != nil {
		return err
	}
	for i := range want {
		w := &want[i]
		got, err := schema.Rows(ctx, c.tables.tx, "SELECT * FROM outbound_messages WHERE channel = ? AND message_id = "+w.Value("message_id"), c.channel)
		if err != nil {
			return err
		}
		c.outcome(w, got)
	}
	return nil
}

// outcome compares a row of outbound_messages that some events come to with the one that
// all of them came to: what its last outcome always tells.
func (s *sample) outcome(want *schema.Row, got []schema.Row) {
	what := "outbound_messages message_id=" + want.Value("message_id")
	s.rows++
	if len(got) == 0 {
		s.find("%s is missing", what)
		return
	}
	if got[0].Value("seq") != want.Value("seq") {
		return // another outcome counts
	}
	for _, column := range []string{"status", "attempts", "reason"} {
		if want.Value(column) != got[0].Value(column) {
			s.find("%s (%s)", what, column)
		}
	}
}

// lookAtStatus compares what was told of the state of the channel; what was not told since
// is as it was before.
func (c *since) lookAtStatus(ctx context.Context) error {
	if !c.whole {
		return nil
	}
	want, got, err := c.both(ctx, "SELECT * FROM current_status WHERE channel = ?", c.channel)
	if err != nil || len(want) == 0 {
		return err
	}
	but := []string{"last_updated"}
	for i, column := range want[0].Columns {
		if want[0].Values[i] == null {
			but = append(but, column)
		}
	}
	for _, p := range pair(want, got, "channel") {
		c.judge("current_status", p[0], p[1], but...)
		if p[1] != nil && number(p[1].Value("last_updated")) < number(p[0].Value("last_updated")) {
			c.find("current_status (last_updated)")
		}
	}
	return nil
}

// lookAtObservation compares whether the channel is observed, and until when. Before the
// roster it is not; from then on all of it follows from what was told.
func (c *since) lookAtObservation(ctx context.Context) error {
	if !c.whole || c.roster == 0 || c.early || c.unsteady() {
		return nil
	}
	want, got, err := c.both(ctx, `SELECT channel, ended, successor, observing, last_observed_ms, suspended_seq, suspended_ms, connected_seq
		FROM channel_observation WHERE channel = ?`, c.channel)
	if err != nil {
		return err
	}
	for _, p := range pair(want, got, "channel") {
		c.judge("channel_observation", p[0], p[1])
	}
	return nil
}

// lookAtSeen compares when users were seen: nobody's first time is later than what was
// told since, nor the last one earlier.
func (c *since) lookAtSeen(ctx context.Context) error {
	if c.unsteady() {
		return nil
	}
	want, got, err := c.both(ctx, "SELECT username, first_seen, last_seen FROM user_stats WHERE channel = ?", c.channel)
	if err != nil {
		return err
	}
	for _, p := range pair(want, got, "username") {
		w, g := p[0], p[1]
		switch {
		case w == nil: // nothing was told of this one
		case g == nil:
			c.find("user_stats of %s in %q is missing", w.Value("username"), c.channel)
		case number(g.Value("first_seen")) > number(w.Value("first_seen")):
			c.find("user_stats of %s in %q (first_seen)", w.Value("username"), c.channel)
		case number(g.Value("last_seen")) < number(w.Value("last_seen")):
			c.find("user_stats of %s in %q (last_seen)", w.Value("username"), c.channel)
		}
	}
	return nil
}

// unsteady reports whether some moment of what the leader told depends on moments before:
// it does not say when it received it, or it is out of its order.
func (c *since) unsteady() bool {
	dec := events.NewDecoder()
	var last uint64
	for _, m := range c.messages {
		it := projector.Decode(dec, m)
		if it.Event == nil {
			continue
		}
		if producer, n, _ := events.ParseID(it.Event.ID); producer == c.leader {
			if n < last || it.Event.ReceivedMS == 0 {
				return true
			}
			last = n
		}
	}
	return false
}

func either(p [2]*schema.Row) *schema.Row {
	if p[0] != nil {
		return p[0]
	}
	return p[1]
}

// number is what a column of whole numbers holds; whatever else it may hold is less.
func number(value string) int64 {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return math.MinInt64
	}
	return n
}
