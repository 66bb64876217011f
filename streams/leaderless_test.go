package streams_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"rosey/streams"
	"rosey/streams/streamstest"
)

// election stands before a server's interface to JetStream, and answers as a cluster
// does that is choosing a leader: each subject that many times.
type election struct {
	mu     sync.Mutex
	rounds int
	asked  map[string]int
}

func (e *election) goesOn(subject string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if tokens := strings.Split(subject, "."); len(tokens) > 5 {
		subject = strings.Join(tokens[:5], ".") // without the name of a reader's consumer
	}
	e.asked[subject]++
	return e.asked[subject] <= e.rounds
}

func (e *election) begin(rounds int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rounds, e.asked = rounds, map[string]int{}
}

// newElection returns one before that server, and where to connect to it.
func newElection(t *testing.T, server *nats.Conn) (*election, string) {
	t.Helper()
	front := streamstest.ExternalServer(t, streamstest.ExternalOptions{
		Config: "jetstream: disabled",
	})
	nc, err := nats.Connect(front.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	e := &election{}
	e.begin(0)
	if _, err := nc.Subscribe("$JS.API.>", func(m *nats.Msg) {
		if e.goesOn(m.Subject) {
			_ = m.Respond([]byte(`{"error":{"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"}}`))
			return
		}
		if answer, err := server.Request(m.Subject, m.Data, time.Minute); err == nil {
			_ = m.Respond(answer.Data)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return e, front.URL()
}

// questions are what a command asks in its first moments.
var questions = map[string]func(context.Context, *streams.Stream) error{
	"state":  func(ctx context.Context, s *streams.Stream) error { _, err := s.State(ctx); return err },
	"get":    func(ctx context.Context, s *streams.Stream) error { _, err := s.Get(ctx, 1); return err },
	"erased": func(ctx context.Context, s *streams.Stream) error { _, _, err := s.Erased(ctx); return err },
	"open":   func(ctx context.Context, s *streams.Stream) error { _, err := streams.Open(ctx, s.Conn()); return err },
	"read": func(ctx context.Context, s *streams.Stream) error {
		r, err := s.Reader(ctx, streams.ReadOptions{})
		if err == nil {
			r.Close()
		}
		return err
	},
	"bucket": func(ctx context.Context, s *streams.Stream) error {
		_, err := s.Conn().Bucket(ctx, streams.OutboundBucket)
		return err
	},
}

// While a cluster has no leader a question waits for one; where none comes it says so.
func TestConn_QuestionsWaitForALeader(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	env := streamstest.New(t)
	env.Append(t, lines("p", 1)...)
	e, url := newElection(t, env.Conn.NATS())
	e.begin(1)
	conn, err := streams.Connect(ctx, streams.Config{URLs: []string{url}, Timeout: time.Minute})
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(conn.Close)
	stream, err := streams.Open(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	conn.WaitForLeader(10 * time.Minute)
	for name, ask := range questions {
		e.begin(2)
		if err := ask(ctx, stream); err != nil {
			t.Errorf("%s, once there is a leader: %v", name, err)
		}
	}
	conn.WaitForLeader(time.Millisecond)
	e.begin(1 << 30)
	for name, ask := range questions {
		if err := ask(ctx, stream); !errors.Is(err, streams.ErrNoLeader) {
			t.Errorf("%s without a leader: %v, want ErrNoLeader", name, err)
		}
	}
	soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	conn.WaitForLeader(10 * time.Minute)
	if _, err := stream.State(soon); err == nil {
		t.Errorf("a question whose time is over: %v", err)
	}
}
