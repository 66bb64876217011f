package standstill_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"rosey/internal/standstill"
)

// envWaits makes this test's program wait for an answer under a limit.
const envWaits = "STANDSTILL_TEST_WAITS"

func TestMain(m *testing.M) {
	if limit := os.Getenv(envWaits); limit != "" {
		os.Exit(waits(limit))
	}
	os.Exit(m.Run())
}

// waits says that it waits, and then how that ended: with a line, or with the time
// that it had for it.
func waits(text string) int {
	limit, err := time.ParseDuration(text)
	if err != nil {
		fmt.Println(err)
		return 2
	}
	watch := standstill.NewWatch()
	ctx, cancel := standstill.WithTimeout(context.Background(), limit)
	defer cancel()
	answer := make(chan struct{})
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		time.Sleep(limit / 10) // no limit that is over would be found by chance
		close(answer)
	}()
	fmt.Println("waiting")
	select {
	case <-answer:
		fmt.Println("answered")
	case <-ctx.Done():
		fmt.Println(ctx.Err())
	}
	fmt.Println(watch.Stop() > limit)
	return 0
}

// A program that is stopped for longer than its limit has still the time to see the
// answer that came meanwhile.
func TestWithTimeout_StandstillUsesNothingUp(t *testing.T) {
	t.Parallel()
	const limit = 2 * time.Second
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), envWaits+"="+limit.String())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(out)
	if line, err := said.ReadString('\n'); line != "waiting\n" {
		t.Fatalf("begins with %q, %v", line, err)
	}
	signal := func(s syscall.Signal) {
		t.Helper()
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	time.Sleep(2 * limit)
	if _, err := io.WriteString(in, "\n"); err != nil {
		t.Fatal(err)
	}
	signal(syscall.SIGCONT)
	rest, err := io.ReadAll(said)
	if err := errors.Join(err, cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	if got := string(rest); got != "answered\ntrue\n" {
		t.Errorf("after it was stopped: %q", strings.Split(got, "\n"))
	}
}

func TestWithTimeout_Ends(t *testing.T) {
	t.Parallel()
	type key struct{}
	parent, leave := context.WithCancel(context.WithValue(t.Context(), key{}, "kept"))
	defer leave()
	for _, tt := range []struct {
		name  string
		limit time.Duration
		end   func(cancel context.CancelFunc)
		want  error
	}{
		{"with its limit", 50 * time.Millisecond, func(context.CancelFunc) {}, context.DeadlineExceeded},
		{"at once where there is none", 0, func(context.CancelFunc) {}, context.DeadlineExceeded},
		{"when it is cancelled", time.Hour, func(cancel context.CancelFunc) { cancel() }, context.Canceled},
		{"with its parent", time.Hour, func(context.CancelFunc) { leave() }, context.Canceled},
		{"before it begins", time.Hour, func(context.CancelFunc) {}, context.Canceled}, // the parent has ended
	} {
		ctx, cancel := standstill.WithTimeout(parent, tt.limit)
		if by, ok := ctx.Deadline(); !ok || time.Until(by) > tt.limit {
			t.Errorf("%s: the deadline is %s, %t", tt.name, by, ok)
		}
		if ended := parent.Err() != nil; ended != (ctx.Err() != nil) && tt.limit > 0 {
			t.Errorf("%s: begins with %v", tt.name, ctx.Err())
		}
		below, end := context.WithCancel(ctx)
		tt.end(cancel)
		<-below.Done()
		if !errors.Is(ctx.Err(), tt.want) || !errors.Is(below.Err(), tt.want) {
			t.Errorf("%s: ended with %v, and what is derived with %v", tt.name, ctx.Err(), below.Err())
		}
		if ctx.Value(key{}) != "kept" {
			t.Errorf("%s: the parent's values are gone", tt.name)
		}
		end()
		cancel()
		if !errors.Is(ctx.Err(), tt.want) {
			t.Errorf("%s: ended again, with %v", tt.name, ctx.Err())
		}
	}
}

// The parent's deadline holds, if it is the earlier one.
func TestWithTimeout_ParentsDeadline(t *testing.T) {
	t.Parallel()
	parent, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	ctx, cancel := standstill.WithTimeout(parent, time.Hour)
	defer cancel()
	want, _ := parent.Deadline()
	if got, ok := ctx.Deadline(); !ok || !got.Equal(want) {
		t.Errorf("the deadline is %s, %t, the parent's %s", got, ok, want)
	}
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ended with %v", err)
	}
}
