package projector

import (
	"testing"
	"time"

	"rosey/events"
)

// Each row is a situation and the sessions that follow from it: channel, name,
// start and end in seconds from the epoch, and how either came about.
func TestPresence_Situations(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, tt := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{
			"those present at connect are there",
			[]step{arrived("ann", "bob")},
			[]string{"tv ann 0 - roster -", "tv bob 0 - roster -"},
		},
		{
			"join and leave",
			[]step{arrived(), after(5 * s), joined("ann"), after(60 * s), left("ann")},
			[]string{"tv ann 5 65 join leave"},
		},
		{
			"a leave of somebody who never came erases nothing",
			[]step{arrived("ann"), after(5 * s), left("ann"), after(5 * s), left("ann")},
			[]string{"tv ann 0 5 roster leave"},
		},
		{
			"leave and come back",
			[]step{arrived("ann"), after(5 * s), left("ann"), after(5 * s), joined("ann")},
			[]string{"tv ann 0 5 roster leave", "tv ann 10 - join -"},
		},
		{
			"a duplicate login goes on",
			[]step{arrived("ann"), after(5 * s), joined("ann"), after(5 * s), left("ann")},
			[]string{"tv ann 0 10 roster leave"},
		},
		{
			"names have no case and keep their spelling",
			[]step{arrived("Ann"), after(5 * s), joined("ANN"), after(5 * s), left("ann")},
			[]string{"tv Ann 0 10 roster leave"},
		},
		{
			"letters beyond ASCII keep their case",
			[]step{arrived("zöe"), joined("zÖe"), after(5 * s), left("zÖe")},
			[]string{"tv zöe 0 - roster -", "tv zÖe 0 5 join leave"},
		},
		{"nobody is called nothing", []step{arrived(""), joined(""), left("")}, nil},
		{"a name twice in a roster is one user", []step{arrived("ann", "ANN")}, []string{"tv ann 0 - roster -"}},

		{"a gap of a minute is bridged", []step{
			arrived("ann"), after(10 * s), counts(1, 1), disconnected("lost"), after(60 * s), reconnected("ann"), after(5 * s), left("ann"),
		}, []string{"tv ann 0 75 roster leave"}},
		{"a longer one is not counted", []step{
			arrived("ann"), after(10 * s), counts(1, 1), disconnected("lost"), after(60*s + time.Millisecond), reconnected("ann"), after(5 * s), left("ann"),
		}, []string{"tv ann 0 10 roster unobserved", "tv ann 70 75 roster leave"}},
		{"who left during a short gap left at its beginning", []step{
			arrived("ann", "bob"), after(10 * s), counts(2, 2), disconnected("lost"), after(30 * s), reconnected("bob"),
		}, []string{"tv ann 0 10 roster unobserved", "tv bob 0 - roster -"}},
		{"who came during a gap begins at the roster", []step{
			arrived(), after(10 * s), disconnected("lost"), after(30 * s), reconnected("cy"),
		}, []string{"tv cy 40 - roster -"}},
		{"a line that was dead before it was noticed", []step{
			arrived("ann"), after(50 * s), disconnectedSince(30 * s), after(300 * s), reconnected(),
		}, []string{"tv ann 0 20 roster unobserved"}},
		{"the gap is measured from the last moment observed", []step{
			arrived("ann"), after(50 * s), disconnectedSince(45 * s), after(20 * s), reconnected("ann"),
		}, []string{"tv ann 0 5 roster unobserved", "tv ann 70 - roster -"}},
		{"what the bot says of itself observes nothing", []step{
			arrived("ann"), after(10 * s), counts(1, 1), after(500 * s), statusTold(func(u *events.StatusUpdate) {}), stopped(),
		}, []string{"tv ann 0 10 roster unobserved"}},
		{"the heartbeat bounds a crash", []step{
			arrived("ann"), after(300 * s), counts(1, 1), after(1000 * s), becoming("A2"), started("A", 6), recording(), connected(), botJoined(), roster("ann"),
		}, []string{"tv ann 0 300 roster unobserved", "tv ann 1300 - roster -"}},
		{"a crash is over with the successor's first word", []step{
			arrived("ann"), after(10 * s), posted("ann", "hi"), after(1000 * s), becoming("A2"), started("A", 6),
		}, []string{"tv ann 0 10 roster unobserved"}},
		{"a crash that the lost spool cannot tell of is over with the new recording", []step{
			arrived("ann"), after(10 * s), posted("ann", "hi"), after(1000 * s), becoming("A2"), started(events.PreviousUnknown, 0), recording(),
		}, []string{"tv ann 0 10 roster unobserved"}},
		{"a quick restart is bridged", []step{
			arrived("ann"), after(10 * s), stopped(), after(8 * s), becoming("A2"), started("A", 6), recording(), connected(), botJoined(), roster("ann"),
		}, []string{"tv ann 0 - roster -"}},
		{"two gaps in a row are one", []step{
			arrived("ann"), after(10 * s), disconnected("lost"), after(40 * s), connected(), disconnected("lost"), after(40 * s), reconnected("ann"),
		}, []string{"tv ann 0 0 roster unobserved", "tv ann 90 - roster -"}},
		{"joined between the connection and the roster", []step{
			arrived("ann"), after(10 * s), counts(1, 1), disconnected("lost"), after(5 * s), connected(), joined("ann"), after(1 * s), roster("ann", "bob"),
		}, []string{"tv ann 0 10 roster unobserved", "tv ann 15 - join -", "tv bob 16 - roster -"}},
		{"a join before the roster does not shorten the gap of others", []step{
			arrived("ann"), after(10 * s), counts(1, 1), disconnected("lost"), after(30 * s), connected(), joined("bob"), disconnected("lost"),
			after(40 * s), reconnected("ann", "bob"),
		}, []string{"tv ann 0 10 roster unobserved", "tv bob 40 - join -", "tv ann 80 - roster -"}},
		{"a join before the roster does not end the stay of others", []step{
			arrived("ann"), after(10 * s), counts(1, 1), disconnected("lost"), after(5 * s), connected(), joined("bob"), roster("ann", "bob"), after(5 * s), left("ann"),
		}, []string{"tv ann 0 20 roster leave", "tv bob 15 - join -"}},
		{"who came and went during a gap did not stay", []step{
			arrived("ann"), after(10 * s), counts(1, 1), disconnected("lost"), after(5 * s), connected(), joined("ann"), after(5 * s), left("ann"),
			after(5 * s), roster("ann"),
		}, []string{"tv ann 0 10 roster unobserved", "tv ann 15 20 join leave", "tv ann 25 - roster -"}},
		{
			"a last moment in the future is none",
			[]step{arrived("ann"), after(10 * s), counts(1, 1), disconnectedSince(-50 * s)},
			[]string{"tv ann 0 10 roster unobserved"},
		},
		{
			"missed leaves show at the next roster",
			[]step{arrived("ann", "bob"), after(10 * s), roster("bob")},
			[]string{"tv ann 0 10 roster roster", "tv bob 0 - roster -"},
		},

		{
			"a clock that steps back gives no negative time",
			[]step{arrived(), joined("ann"), after(-10 * s), left("ann")},
			[]string{"tv ann 0 0 join leave"},
		},
		{"a clock put right after a step ahead is followed", []step{
			arrived(), after(1e6 * s), counts(0, 1), after(-1e6 * s), joined("ann"), after(30 * s), counts(1, 1), disconnected("lost"), after(100 * s), reconnected(),
		}, []string{"tv ann 0 30 join unobserved"}},
		{"a late arrival does not take the clock back", []step{
			arrived("ann"), skip(1), after(100 * s), counts(1, 1), after(-90 * s), numbered(6, posted("ann", "late")), after(200 * s), disconnected("lost"),
		}, []string{"tv ann 0 100 roster unobserved"}},

		{"channels do not mix", []step{
			arrived("ann"), in("radio", by("R", arrived("ann"))), after(5 * s), left("ann"), after(5 * s), in("radio", by("R", disconnected("lost"))),
		}, []string{"radio ann 0 0 roster unobserved", "tv ann 0 5 roster leave"}},
		{"of two recorders the leader counts", []step{
			arrived("ann"), by("B", started("", 0), connected(), botJoined(), roster("ann", "bob"), after(5*s), left("ann")), after(5 * s), left("ann"),
		}, []string{"tv ann 0 10 roster leave"}},
		{"the other takes over", []step{
			arrived("ann", "bob"), after(10 * s), posted("ann", "hi"), after(20 * s), becoming("B"), arrived("ann"), after(10 * s), left("ann"),
		}, []string{"tv ann 0 40 roster leave", "tv bob 0 10 roster unobserved"}},
		{"the old leader's late words change nothing", []step{
			arrived("ann"), after(10 * s), by("B", leased(1), connected(), botJoined(), roster("ann")), left("ann"), disconnected("lost"), by("B", after(5*s), left("ann")),
		}, []string{"tv ann 0 15 roster leave"}},
		{"publishers without rosters", []step{
			by("", joined("ann"), after(5*s), left("ann"), joined("bob")),
		}, []string{"tv ann 0 5 join leave", "tv bob 5 - join -"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantRows(t, projected(t, tt.steps...), "sessions", sessionRows, tt.want...)
		})
	}
}

// What user_stats says: channel, name, joins, seconds connected, lines, start of
// the current session.
func TestUsers_StatsFollowTheSessions(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, tt := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{"a roster is no join", []step{arrived("ann")}, []string{"tv ann 0 0 0 0"}},
		{
			"joins count, time counts when it is over",
			[]step{arrived(), joined("ann"), after(5 * s), left("ann"), after(s), joined("ann")},
			[]string{"tv ann 2 5 0 6"},
		},
		{"spelling is the latest, the row is one", []step{arrived("ann"), posted("ANN", "hi")}, []string{"tv ANN 0 0 1 0"}},
		{"time taken back by a bridge is counted once", []step{
			arrived("ann"), after(10 * s), disconnected("lost"), after(20 * s), reconnected("ann"), after(10 * s), left("ann"),
		}, []string{"tv ann 0 40 0 -"}},
		{"an unobserved hour is not counted", []step{
			arrived("ann"), after(10 * s), counts(1, 1), disconnected("lost"), after(3600 * s), reconnected("ann"), after(10 * s), left("ann"),
		}, []string{"tv ann 0 20 0 -"}},
		{"half seconds add up", []step{
			arrived(), joined("ann"), after(600 * time.Millisecond), left("ann"), joined("ann"), after(600 * time.Millisecond), left("ann"),
		}, []string{"tv ann 2 1 0 -"}},
		{
			"one user of two channels is two",
			[]step{arrived("ann"), in("radio", by("R", arrived(), joined("ann")), posted("ann", "hi"))},
			[]string{"radio ann 1 0 1 0", "tv ann 0 0 0 0"},
		},
		{"who only writes is no presence", []step{posted("ann", "hi")}, []string{"tv ann 0 0 1 -"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantRows(t, projected(t, tt.steps...), "users", userRows, tt.want...)
		})
	}
}

func TestUsers_FirstAndLastSeen(t *testing.T) {
	t.Parallel()
	db := projected(t, after(5*time.Second), arrived("ann"), after(5*time.Second), posted("ann", "hi"), after(5*time.Second), resent("ann", "before", time.Minute))
	wantRows(t, db, "seen", "SELECT username, first_seen - 1700000000, last_seen - 1700000000 FROM user_stats", "ann -45 10")
}

func TestUsers_AFKTime(t *testing.T) {
	t.Parallel()
	const s = time.Second
	const query = `SELECT username, connected_ms / 1000, afk_ms / 1000 FROM user_sessions ORDER BY opened_seq, username`
	for _, tt := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{
			"away and back",
			[]step{arrived("ann"), after(10 * s), afk("ann", true), after(5 * s), afk("ann", false), after(5 * s), left("ann")},
			[]string{"ann 20 5"},
		},
		{"away at the join", []step{arrived(), joined("ann 0 afk"), after(5 * s), afk("ann", false), after(s), left("ann")}, []string{"ann 6 5"}},
		{"away to the end", []step{arrived("ann"), after(10 * s), afk("ann", true), after(5 * s), left("ann")}, []string{"ann 15 5"}},
		{"told twice", []step{arrived("ann"), afk("ann", true), after(5 * s), afk("ann", true), after(5 * s), left("ann")}, []string{"ann 10 10"}},
		{"away through a short gap", []step{
			arrived("ann"), after(5 * s), afk("ann", true), after(5 * s), disconnected("lost"), after(5 * s), reconnected("ann 0 afk"), after(5 * s), left("ann"),
		}, []string{"ann 20 15"}},
		{"back by the roster", []step{arrived("ann 0 afk"), after(5 * s), roster("ann"), after(5 * s), left("ann")}, []string{"ann 10 5"}},
		{"a clock that steps back", []step{arrived("ann"), after(5 * s), afk("ann", true), after(-3 * s), afk("ann", false), left("ann")}, []string{"ann 2 0"}},
		{"never more than the stay", []step{
			arrived("ann"), after(50 * s), afk("ann", true), after(40 * s), afk("ann", false), after(-85 * s), left("ann"),
		}, []string{"ann 5 5"}},
		{"somebody absent", []step{arrived(), afk("ann", true)}, nil},
		{
			"back by a second login",
			[]step{arrived("ann 0 afk"), after(5 * s), joined("ann"), after(5 * s), left("ann")},
			[]string{"ann 10 5"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := projected(t, tt.steps...)
			wantRows(t, db, "sessions", query, tt.want...)
			wantRows(t, db, "users", "SELECT username, connected_ms / 1000, afk_ms / 1000 FROM user_stats ORDER BY username", tt.want...)
		})
	}
}

func TestUsers_RanksHaveFractions(t *testing.T) {
	t.Parallel()
	db := projected(t, arrived("ann 1.5", "bob 2"), ranked("ann", 2.5), joined("cy 0.25"), left("cy"), ranked("cy", 3))
	wantRows(t, db, "ranks", "SELECT username, rank FROM user_stats ORDER BY username", "ann 2.5", "bob 2", "cy 0.25")
	wantRows(t, db, "sessions", "SELECT username, rank FROM user_sessions ORDER BY username", "ann 2.5", "bob 2", "cy 0.25")
}

func TestUsers_ActionsAreKept(t *testing.T) {
	t.Parallel()
	db := projected(t, arrived("bob"), joined("Ann"), afk("ann", true), afk("ann", false), ranked("ann", 2), whispered("ann", "rosey", "secret"), left("ann"))
	wantRows(t, db, "actions", "SELECT seq, username, action, details FROM user_actions ORDER BY seq",
		"6 Ann join ''", "7 Ann afk ''", "8 Ann back ''", "9 Ann rank 2", "10 ann pm ''", "11 ann leave ''")
}
