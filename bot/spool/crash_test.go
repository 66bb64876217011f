//go:build unix

package spool

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"rosey/events"
	"rosey/internal/suite"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// The test binary runs itself as a bot that puts and drains, and is killed in
// the middle of it.
const (
	envChild    = "SPOOL_TEST_CHILD" // the folder of its spool
	envURL      = "SPOOL_TEST_URL"
	envUser     = "SPOOL_TEST_USER"
	envPassword = "SPOOL_TEST_PASSWORD"
	envPoint    = "SPOOL_TEST_POINT" // where it dies
	envHit      = "SPOOL_TEST_HIT"   // at which time there
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envChild); dir != "" {
		if err := child(context.Background(), dir); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(suite.Run(m, suite.Usual))
}

const childCallers = 4

// pointOpen ends the child once it has tried to open the spool.
const pointOpen = "open"

// child puts events from several goroutines while it drains, until it is killed,
// and prints each ID once Put has returned.
func child(ctx context.Context, dir string) error {
	cfg := testConfig(dir)
	hit, err := strconv.Atoi(os.Getenv(envHit))
	if err != nil {
		return err
	}
	point := os.Getenv(envPoint)
	if point == pointOpen {
		_, err := Open(ctx, cfg)
		return err
	}
	var mu sync.Mutex
	cfg.Crash = func(at string) {
		mu.Lock()
		defer mu.Unlock()
		if at != point {
			return
		}
		if hit--; hit == 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	conn, err := streams.Connect(ctx, streams.Config{
		URLs: []string{os.Getenv(envURL)}, User: os.Getenv(envUser), Password: os.Getenv(envPassword),
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	stream, err := streams.Open(ctx, conn)
	if err != nil {
		return err
	}
	s, err := Open(ctx, cfg)
	if err != nil {
		return err
	}
	if _, _, err := s.Begin(ctx); err != nil {
		return err
	}
	go func() { _ = s.Drain(ctx, stream) }()
	var wg sync.WaitGroup
	for range childCallers {
		wg.Go(func() {
			for i := 0; ; i++ {
				e := said(fmt.Sprint("line ", i))
				if err := s.Put(ctx, e); err != nil {
					fmt.Println("error", err)
					return
				}
				fmt.Println("put", e.ID)
			}
		})
	}
	wg.Wait()
	return s.Close()
}

func TestOpen_InUseByAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openSpool(t, testConfig(dir))
	defer closeSpool(t, s)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), envChild+"="+dir, envPoint+"="+pointOpen, envHit+"=1")
	out, err := cmd.Output()
	if err == nil {
		t.Fatal("two processes have opened the spool")
	}
	if want := fmt.Sprintf("is in use by process %d", os.Getpid()); !strings.Contains(string(out), want) {
		t.Errorf("the second process says %q, want %q", out, want)
	}
}

// killedChild runs the child until it is killed at the point and returns what it
// said it had put.
func killedChild(t *testing.T, env *streamstest.Env, dir, point string, hit int) []string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	user, password := env.Server.Credentials()
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), envChild+"="+dir, envURL+"="+env.Server.ClientURL(), envUser+"="+user,
		envPassword+"="+password, envPoint+"="+point, envHit+"="+strconv.Itoa(hit))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		if word != "put" {
			t.Errorf("child: %s", lines.Text())
			continue
		}
		ids = append(ids, rest)
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("child ended with %v, want to be killed at %s", err, point)
	}
	return ids
}

func TestSpool_KilledAtEveryPoint(t *testing.T) {
	t.Parallel()
	for _, point := range []string{
		CrashPutBeforeCommit, CrashPutAfterCommit, CrashDrainBeforePublish,
		CrashDrainAfterPublish, CrashDrainBeforeDelete, CrashDrainAfterDelete,
	} {
		for _, hit := range []int{1, 3, 7} {
			t.Run(fmt.Sprintf("%s/hit=%d", point, hit), func(t *testing.T) {
				t.Parallel()
				env := streamstest.New(t, streamstest.WithPort())
				dir := t.TempDir()
				acknowledged := killedChild(t, env, dir, point, hit)

				s := openSpool(t, testConfig(dir))
				defer closeSpool(t, s)
				run, previous, err := s.Begin(t.Context())
				if err != nil || !previous.Known {
					t.Fatalf("begin: %+v, %v", previous, err)
				}
				more := put(t, s, said("the next run"))
				checkIDs(t, more, idsOf(run.Producer, 1))
				// What was sent before the kill, and is sent again without a look, is there twice.
				forget(t, env)
				drainAll(t, s, env.Stream)

				want := append(idsOf(previous.Producer, int(previous.LastSeq)), more...)
				got := storedIDs(t, env.Stream)
				checkIDs(t, got, want)
				for _, id := range acknowledged {
					if !slices.Contains(got, id) {
						t.Errorf("event %s was put and is lost", id)
					}
				}
			})
		}
	}
}

// The same where every event is acknowledged by itself, and the server has
// forgotten all ids by the time of the next start.
func TestSpool_KilledWithoutBatches(t *testing.T) {
	t.Parallel()
	for _, point := range []string{CrashDrainAfterPublish, CrashDrainBeforeDelete, CrashDrainAfterDelete} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			env := streamstest.New(t, streamstest.WithPort())
			forbidBatches(t, env)
			dir := t.TempDir()
			acknowledged := killedChild(t, env, dir, point, 4)
			forget(t, env)

			s := openSpool(t, testConfig(dir))
			defer closeSpool(t, s)
			_, previous, err := s.Begin(t.Context())
			if err != nil || !previous.Known {
				t.Fatalf("begin: %+v, %v", previous, err)
			}
			drainAll(t, s, env.Stream)
			got := storedIDs(t, env.Stream)
			checkIDs(t, got, idsOf(previous.Producer, int(previous.LastSeq)))
			for _, id := range acknowledged {
				if !slices.Contains(got, id) {
					t.Errorf("event %s was put and is lost", id)
				}
			}
		})
	}
}

// A process that is killed again and again, at no point in particular, and goes
// on with the same spool each time.
func TestSpool_KilledManyTimes(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithPort())
	dir := t.TempDir()
	var acknowledged []string
	for i, point := range []string{
		CrashDrainAfterPublish, CrashPutAfterCommit, CrashDrainBeforeDelete, CrashDrainAfterPublish, CrashDrainBeforePublish,
	} {
		acknowledged = append(acknowledged, killedChild(t, env, dir, point, 2+i)...)
		forget(t, env)
	}
	s := openSpool(t, testConfig(dir))
	defer closeSpool(t, s)
	drainAll(t, s, env.Stream)

	got := storedIDs(t, env.Stream)
	next := map[string]uint64{}
	for _, id := range got {
		producer, seq, ok := events.ParseID(id)
		if !ok || seq != next[producer]+1 {
			t.Fatalf("event %s follows sequence %d of its producer", id, next[producer])
		}
		next[producer] = seq
	}
	for _, id := range acknowledged {
		if !slices.Contains(got, id) {
			t.Errorf("event %s was put and is lost", id)
		}
	}
}
