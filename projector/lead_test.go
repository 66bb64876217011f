package projector

import (
	"testing"
	"time"
)

// Who leads is not decided by the order of the stream: spools drain late, and
// who could not ask for the lease records all the same.
func TestLead_Situations(t *testing.T) {
	t.Parallel()
	const s = time.Second
	// inside is a recorder in the channel that sees these users.
	inside := func(claim step, users ...string) step {
		return func(sc *script) { sc.play(started("", 0), claim, connected(), botJoined(), roster(users...)) }
	}
	for _, tt := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{"an old claim from a spool that drains late", []step{
			inside(leased(1), "ann"), after(20 * s), posted("ann", "hi"),
			after(-15 * s), by("X", inside(recording(), "zed")), after(15 * s), left("ann"),
		}, []string{"tv ann 0 20 roster leave"}},
		{"the same where nobody has a lease", []step{
			inside(recording(), "ann"), after(20 * s), posted("ann", "hi"),
			after(-15 * s), by("X", inside(recording(), "zed")), after(15 * s), left("ann"),
		}, []string{"tv ann 0 20 roster leave"}},
		{"an old claim before the leader has seen anything", []step{
			after(20 * s), leased(1), after(-15 * s), by("X", inside(recording(), "zed")), after(15 * s), connected(), botJoined(), roster("ann"),
		}, []string{"tv ann 20 - roster -"}},
		{"an old claim after the leader has stopped", []step{
			inside(leased(1), "ann"), after(20 * s), counts(1, 1), stopped(), after(-15 * s), by("X", inside(recording(), "zed")),
		}, []string{"tv ann 0 20 roster unobserved"}},
		{"a lease held earlier", []step{
			inside(leased(7), "ann"), after(5 * s), by("X", inside(leased(3), "zed")), after(5 * s), left("ann"),
		}, []string{"tv ann 0 10 roster leave"}},
		{"a lease held later", []step{
			inside(leased(7), "ann"), after(5 * s), counts(1, 1), by("B", inside(leased(8), "ann"), after(5*s), left("ann")), left("ann"),
		}, []string{"tv ann 0 10 roster leave"}},
		{"no lease against one that is alive", []step{
			inside(leased(7), "ann"), after(10 * s), counts(1, 1), after(5 * s), by("B", inside(recording(), "zed")), left("ann"),
		}, []string{"tv ann 0 15 roster leave"}},
		{"no lease after an orderly end", []step{
			inside(leased(7), "ann"), after(5 * s), counts(1, 1), stopped(), after(s), by("B", inside(recording(), "ann")), after(5 * s), by("B", left("ann")),
		}, []string{"tv ann 0 11 roster leave"}},
		{"the leader takes the lead back after an outage", []step{
			inside(leased(7), "ann"), after(5 * s), counts(1, 1),
			after(20 * s), by("B", inside(recording(), "ann", "bob"), after(5*s), counts(2, 2)),
			after(5 * s), leased(9), roster("ann", "bob"), after(5 * s), joined("cat"), left("bob"),
		}, []string{"tv ann 0 - roster -", "tv bob 25 40 roster leave", "tv cat 40 - join -"}},
		{"the holder of the lease says so again after another was followed by mistake", []step{
			inside(leased(7), "ann"), after(5 * s), counts(1, 1), after(20 * s), by("B", inside(recording(), "ann"), disconnected("stopped")),
			after(5 * s), leased(7), roster("ann"), joined("dan"),
		}, []string{"tv ann 0 - roster -", "tv dan 30 - join -"}},
		{"a clock ahead does not keep the lead from the next holder", []step{
			inside(leased(7), "ann"), after(5 * s), counts(1, 1), after(30 * s), by("B", inside(recording(), "ann")), after(-20 * s),
			leased(9), roster("ann"), after(5 * s), joined("dan"),
		}, []string{"tv ann 0 - roster -", "tv dan 20 - join -"}},
		{"a lower term, at once", []step{
			inside(leased(7), "ann"), after(5 * s), counts(1, 1), by("B", inside(leased(1), "zed")), left("ann"),
		}, []string{"tv ann 0 5 roster leave"}},
		{"a lower term, after a silence", []step{
			inside(leased(7), "ann"), after(5 * s), counts(1, 1), after(100 * s), by("B", inside(leased(1), "zed")),
		}, []string{"tv ann 0 5 roster unobserved", "tv zed 105 - roster -"}},
		{"the successor needs no lease", []step{
			inside(leased(7), "ann"), after(5 * s), counts(1, 1), becoming("A2"), after(s), started("A", 6), recording(), connected(), botJoined(), roster("ann"),
			after(5 * s), left("ann"),
		}, []string{"tv ann 0 11 roster leave"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantRows(t, projected(t, tt.steps...), "sessions", sessionRows, tt.want...)
		})
	}
}
