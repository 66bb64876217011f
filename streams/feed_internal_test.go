package streams

import (
	"bufio"
	"errors"
	"net"
	"testing"
	"time"
)

// pipedFeed is a feed whose server is the test.
func pipedFeed(t *testing.T) (*feed, net.Conn) {
	t.Helper()
	conn, server := net.Pipe()
	f := &feed{
		conn: conn, frames: newFrameReader(conn), lost: make(chan struct{}), capacity: minInFlight, due: minInFlight,
		done: make(chan struct{}), more: make(chan struct{}, 1),
	}
	go f.receive()
	t.Cleanup(func() {
		f.stop()
		_ = server.Close()
	})
	return f, server
}

// A server ends the connection of whoever does not answer.
func TestFeed_AnswersTheServer(t *testing.T) {
	t.Parallel()
	_, server := pipedFeed(t)
	answers := bufio.NewReader(server)
	for range 2 {
		if err := server.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := server.Write([]byte("PING\r\n")); err != nil {
			t.Fatal(err)
		}
		if line, err := answers.ReadString('\n'); err != nil || line != "PONG\r\n" {
			t.Fatalf("it says %q, %v", line, err)
		}
	}
}

func TestFeed_EndsAfterSilence(t *testing.T) {
	t.Parallel()
	f, _ := pipedFeed(t)
	f.quiet = feedSilence - 2 // the wait as a whole is longer than a test
	if _, err := f.next(t.Context()); !errors.Is(err, errQuiet) {
		t.Fatalf("quiet for a while: %v", err)
	}
	if _, err := f.next(t.Context()); !errors.Is(err, ErrNoHeartbeat) {
		t.Errorf("silent for long: %v, want ErrNoHeartbeat", err)
	}
}

// A sign of life is none of silence.
func TestFeed_GoesOnWithSignsOfLife(t *testing.T) {
	t.Parallel()
	f, server := pipedFeed(t)
	f.quiet = feedSilence - 1
	if _, err := server.Write([]byte("HMSG a 1 31 31\r\nNATS/1.0 100 Idle Heartbeat\r\n\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.next(t.Context()); !errors.Is(err, errQuiet) {
		t.Errorf("after a sign of life: %v", err)
	}
}
