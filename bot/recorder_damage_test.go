package bot_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"rosey/bot/spool"
	"rosey/events"
	"rosey/streams"
	"rosey/streams/streamstest"

	_ "modernc.org/sqlite"
)

// execSpool changes a spool that is in use behind its owner's back.
func execSpool(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// Damage that comes while the bot runs costs what is damaged, and no more: the
// rest is sent, and recording goes on.
func TestRecorder_RecoversASpoolThatIsDamagedWhileInUse(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newChannel(t)
	cfg := recorder(t, c, env, "rosey")
	var stream gate
	stream.guard(&cfg, env)
	r, stop := run(t, cfg)
	eventually(t, "joined", joined(r))
	if err := c.Join("ann"); err != nil {
		t.Fatal(err)
	}
	const lines = 50 // what waits for long is read from the file, and not from memory
	want := []string{"line 0"}
	for i := range lines {
		if err := c.Say("ann", fmt.Sprint("line ", i)); err != nil {
			t.Fatal(err)
		}
		if i > 1 {
			want = append(want, fmt.Sprint("line ", i))
		}
	}
	want = append(want, "afterwards")
	eventually(t, "recorded", func() bool { return spooledChat(t, cfg.Spool.Path) == lines })
	execSpool(t, cfg.Spool.Path, `UPDATE events SET subject = 'rosey.db.message.private'
		WHERE id = (SELECT min(id) FROM events WHERE kind = 'message.log' AND CAST(data AS TEXT) LIKE '%line 1"%')`)

	stream.open.Store(true)
	eventually(t, "begun again", func() bool { return joined(r)() && producers(stored(t, env)) == 2 })
	if err := c.Say("ann", "afterwards"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "sent", func() bool { return slices.Contains(chat(stored(t, env)), "afterwards") })
	stop()
	list := stored(t, env)
	if got := chat(list); !slices.Equal(got, want) {
		t.Errorf("recorded %q, want %q", got, want)
	}
	vouched := slices.ContainsFunc(list, func(e *events.Event) bool {
		s, ok := e.Payload.(*events.BotStarted)
		return ok && s.Previous != "" && s.Previous != events.PreviousUnknown
	})
	if !vouched {
		t.Error("the run after the damage does not vouch for the one before")
	}
}

func spooledChat(t *testing.T, path string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.QueryRowContext(t.Context(), "SELECT count(*) FROM events WHERE kind = 'message.log' AND CAST(data AS TEXT) LIKE '%line %'").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func producers(list []*events.Event) int {
	names := map[string]bool{}
	for _, e := range list {
		producer, _, _ := events.ParseID(e.ID)
		names[producer] = true
	}
	return len(names)
}

// A bot whose damaged spool does not say any more which run was the last knows it
// by its events, and does not wait for that run's lease to end.
func TestRecorder_DamagedSpoolDoesNotStandByBehindItself(t *testing.T) {
	t.Parallel()
	env, c := streamstest.New(t), newChannel(t)
	cfg := recorder(t, c, env, "rosey")
	s, err := spool.Open(t.Context(), cfg.Spool)
	if err != nil {
		t.Fatal(err)
	}
	before, _, err := s.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), &events.Event{
		Platform: events.PlatformCyTube, Channel: "test", Kind: events.KindMessageLog, TimeMS: 1, ReceivedMS: 1,
		Payload: &events.MessageLog{Username: "ann", Message: "before"},
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(cfg.Spool.Path)
	if err != nil {
		t.Fatal(err)
	}
	clear(data[:4096]) // what says which tables there are
	if err := os.WriteFile(cfg.Spool.Path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	env.Hold(t, streams.RecorderLease("test"), before.Producer, "") // it does not end by itself
	cfg.Leases = leasesOf(env)
	r, _ := run(t, cfg)
	eventually(t, "joined", joined(r))
}
