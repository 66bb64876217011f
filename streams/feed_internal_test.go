package streams

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"rosey/internal/suite"
)

// pipedFeed is a feed whose server is the test.
func pipedFeed(t *testing.T) (*feed, net.Conn) {
	t.Helper()
	conn, server := net.Pipe()
	f := &feed{
		conn: conn, frames: newFrameReader(conn), lost: make(chan struct{}), capacity: minInFlight, due: minInFlight,
		done: make(chan struct{}), more: make(chan struct{}, 1), timer: time.NewTimer(quietFor),
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
	suite.Eventually(t, "it is heard", func() bool { return len(f.more) > 0 })
	if _, err := f.next(t.Context()); !errors.Is(err, errQuiet) {
		t.Errorf("after a sign of life: %v", err)
	}
}

// What is told of together is told of, whatever comes behind it.
func TestFeed_HandsOverWhatIsThere(t *testing.T) {
	t.Parallel()
	message := func(seq int) string {
		return fmt.Sprintf("MSG rosey.db.x 1 $JS.ACK.ROSEY.c.1.%d.%d.1700000000000000000.0 2\r\n{}\r\n", seq, seq)
	}
	f, server := pipedFeed(t)
	seq := uint64(0)
	for _, behind := range []string{"", "+OK\r\n", "HMSG a 1 31 31\r\nNATS/1.0 100 Idle Heartbeat\r\n\r\n\r\n", message(0)} {
		for _, n := range []int{1, 2, handOver, 3 * handOver / 2} {
			var text strings.Builder
			for i := range n {
				text.WriteString(message(int(seq) + i + 1))
			}
			if behind == message(0) { // half of a message, and the rest of it later
				text.WriteString(strings.Replace(message(int(seq)+n+1), "{}\r\n", "{", 1))
			} else {
				text.WriteString(behind)
			}
			if _, err := server.Write([]byte(text.String())); err != nil {
				t.Fatal(err)
			}
			if behind == message(0) {
				if _, err := server.Write([]byte("}\r\n")); err != nil {
					t.Fatal(err)
				}
				n++
			}
			for range n {
				f.due = f.capacity // nobody answers requests here
				m, err := f.next(t.Context())
				if seq++; err != nil || m.Seq != seq {
					t.Fatalf("%d at once, %q behind: seq=%d, %v: want seq=%d", n, behind, m.Seq, err, seq)
				}
			}
		}
	}
}
