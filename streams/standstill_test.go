package streams_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"rosey/streams"
	"rosey/streams/streamstest"
)

const (
	// envAsks makes this test's program a client of a server.
	envAsks = "STREAMS_TEST_ASKS"

	// clientPatience is what that client has.
	clientPatience = 3 * time.Second
)

// asks connects and asks for JetStream, and says before and after each what it does.
func asks(url string) int {
	ctx := context.Background()
	step := bufio.NewReader(os.Stdin)
	next := func(what string) {
		fmt.Println(what)
		_, _ = step.ReadString('\n')
		fmt.Println("now")
	}
	next("connect")
	c, err := streams.Connect(ctx, streams.Config{URLs: []string{url}, Timeout: clientPatience})
	if err != nil {
		fmt.Println("connect:", err)
		return 1
	}
	defer c.Close()
	next("set up")
	if _, _, err := streams.Setup(ctx, c, streams.StreamOptions{MaxBytes: 1 << 20}); err != nil {
		fmt.Println("set up:", err)
		return 1
	}
	fmt.Println("done")
	return 0
}

// A machine may stand still for longer than a client waits for its server: while
// they greet each other, and while a request is on its way. Neither is an error when
// the machine goes on.
func TestConn_OutlivesAStandstill(t *testing.T) {
	t.Parallel()
	server := streamstest.ExternalServer(t, streamstest.ExternalOptions{NoSync: true})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	client := exec.CommandContext(t.Context(), self)
	client.Env = append(os.Environ(), envAsks+"="+server.URL())
	in, err := client.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := client.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	hear := func(want string) {
		t.Helper()
		if !said.Scan() || said.Text() != want {
			t.Fatalf("the client says %q, want %q", said.Text(), want)
		}
	}
	signal := func(pid int, s syscall.Signal) {
		t.Helper()
		if err := syscall.Kill(pid, s); err != nil {
			t.Fatal(err)
		}
	}
	for _, what := range []string{"connect", "set up"} {
		hear(what)
		signal(server.PID(), syscall.SIGSTOP)
		if _, err := fmt.Fprintln(in); err != nil {
			t.Fatal(err)
		}
		hear("now")
		time.Sleep(clientPatience / 10) // it may ask, and gets no answer
		signal(client.Process.Pid, syscall.SIGSTOP)
		signal(server.PID(), syscall.SIGCONT)
		time.Sleep(clientPatience * 3 / 2)
		signal(client.Process.Pid, syscall.SIGCONT)
	}
	hear("done")
	if err := client.Wait(); err != nil {
		t.Error(err)
	}
}
