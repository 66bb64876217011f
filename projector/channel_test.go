package projector

import (
	"testing"
	"time"

	"rosey/events"
)

func TestChannel_HighWaterMarks(t *testing.T) {
	t.Parallel()
	const s = time.Second
	const query = `SELECT channel, max_users, max_users_timestamp - 1700000000, max_connected, max_connected_timestamp - 1700000000
		FROM channel_stats ORDER BY channel`
	for _, tt := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{"two marks with their own times", []step{after(s), counts(3, 5), after(s), counts(2, 9), after(s), counts(4, 4)}, []string{"tv 4 3 9 2"}},
		{"only a greater count is a new one", []step{counts(3, 5), after(s), counts(3, 5), high(3, 5)}, []string{"tv 3 0 5 0"}},
		{"a run's own highs", []step{high(3, 5), after(s), becoming("A2"), started("A", 1), recording(), high(1, 2)}, []string{"tv 3 0 5 0"}},
		{"nobody at all", []step{counts(0, 0)}, nil},
		{"two channels", []step{counts(3, 5), in("radio", counts(1, 2))}, []string{"radio 1 0 2 0", "tv 3 0 5 0"}},
		{"the leader alone", []step{recording(), counts(1, 2), by("B", counts(7, 8))}, []string{"tv 1 0 2 0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantRows(t, projected(t, tt.steps...), "marks", query, tt.want...)
		})
	}
}

func TestChannel_CountHistoryHoldsTheRegularCounts(t *testing.T) {
	t.Parallel()
	db := projected(t, counts(1, 2), high(3, 4), after(300*time.Second), counts(5, 6))
	wantRows(t, db, "history", "SELECT seq, timestamp - 1700000000, chat_users, connected_users FROM user_count_history", "1 0 1 2", "3 300 5 6")
}

func TestChannel_StatusKeepsWhatAnUpdateDoesNotMention(t *testing.T) {
	t.Parallel()
	db := projected(t,
		statusTold(func(u *events.StatusUpdate) { u.BotName, u.BotRank, u.BotAFK = ptr("rosey"), ptr(1.5), ptr(true) }),
		after(time.Second),
		statusTold(func(u *events.StatusUpdate) { u.ChatUsers, u.BotAFK = ptr(int64(3)), ptr(false) }))
	wantRows(t, db, "status", "SELECT last_updated - 1700000000, bot_name, bot_rank, bot_afk, current_chat_users, playlist_items FROM current_status",
		"1 rosey 1.5 0 3 -")
}

func TestChannel_StatusIsConnectedOnlyWhileItIs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		steps []step
		want  string
	}{
		{"joined", []step{arrived()}, "1 ''"},
		{"connecting", []step{arrived(), disconnected("lost"), connected()}, "0 lost"},
		{"disconnected", []step{arrived(), disconnected("spool_full")}, "0 spool_full"},
		{"back", []step{arrived(), disconnected("lost"), reconnected()}, "1 ''"},
		{"stopped", []step{arrived(), stopped()}, "0 signal"},
		{"crashed, the successor cannot connect", []step{arrived(), becoming("A2"), started("A", 5), recording()}, "0 lost"},
		{"stopped, and started again", []step{arrived(), stopped(), becoming("A2"), started("A", 6)}, "0 signal"},
		{"another one leads, and cannot connect", []step{arrived(), after(20 * time.Second), by("B", started(events.PreviousUnknown, 0), recording())}, "0 lost"},
		{"another one leads after the connection was lost", []step{arrived(), disconnected("spool_full"), by("B", leased(1))}, "0 spool_full"},
		{"the standby says nothing of it", []step{arrived(), by("B", started("", 0), disconnected("lost"))}, "1 ''"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantRows(t, projected(t, tt.steps...), "status", "SELECT bot_connected, disconnect_reason FROM current_status", tt.want)
		})
	}
}
