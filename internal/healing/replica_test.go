package healing

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"rosey/internal/suite"
	"rosey/streams"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/jetstream"
)

// kills is how many servers of a cluster are killed, one after the other.
var kills = flag.Int("kills", 1, "how many servers are killed under load")

// loadBytes is stored between two kills: more than one file of a stream holds, and
// more than is copied into the servers' log at a time.
const loadBytes = 12 << 20

// chatter is a long line that compression makes smaller, as it does those of people.
func chatter() []byte {
	line := make([]byte, 0, 1000)
	for len(line) < 900 {
		line = fmt.Appendf(line, "and then somebody said %x again ", rand.IntN(1<<16))
	}
	return line
}

// press stores so many bytes, and goes on until it is told to end.
func press(t *testing.T, js jetstream.JetStream) (full <-chan struct{}, end func()) {
	t.Helper()
	enough, over := make(chan struct{}), make(chan struct{})
	var stop atomic.Bool
	go func() {
		defer close(over)
		for stored, told := 0, false; !stop.Load(); {
			futures := make([]jetstream.PubAckFuture, 0, 200)
			for range cap(futures) {
				if f, err := js.PublishAsync("rosey.db.message.log", chatter()); err == nil {
					futures = append(futures, f)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // whoever led may be gone
			for _, f := range futures {
				select {
				case <-f.Ok():
					stored += len(f.Msg().Data)
				case <-f.Err():
				case <-ctx.Done():
				}
			}
			cancel()
			if stored >= loadBytes && !told {
				close(enough)
				told = true
			}
		}
	}()
	return enough, func() {
		stop.Store(true)
		<-over
	}
}

// A copy of the stream survives its server's death whatever was just written, also
// where the stream was a compressed one and each server was started again since.
func TestCluster_ServerKilledUnderLoadHeals(t *testing.T) {
	t.Parallel()
	for name, compressed := range map[string]bool{"as set up": false, "compressed once": true} {
		if compressed && *kills == 1 {
			continue // the long form
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := streamstest.NewCluster(t)
			conn, err := streams.Connect(t.Context(), streams.Config{URLs: cluster.URLs(), WaitForServer: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(conn.Close)
			var stream *streams.Stream
			o := streams.StreamOptions{Replicas: 3, MaxBytes: 4 << 30}
			suite.Eventually(t, "the stream is set up", func() bool {
				stream, _, err = streams.Setup(t.Context(), conn, o)
				return err == nil
			})
			whole := func() {
				t.Helper()
				suite.Eventually(t, "every server is current", func() bool { return cluster.Healthy(t.Context()) == nil })
			}
			if compressed {
				recreateCompressed(t, conn)
				full, end := press(t, conn.JetStream())
				<-full
				end()
				suite.Eventually(t, "the stream is no longer compressed", func() bool {
					stream, _, err = streams.Setup(t.Context(), conn, o)
					return err == nil
				})
				for i := range 3 {
					whole()
					server := cluster.Server(fmt.Sprintf("n%d", i+1))
					server.Stop()
					if err := server.Start(); err != nil {
						t.Fatal(err)
					}
				}
			}
			for i := range *kills {
				whole()
				full, end := press(t, conn.JetStream())
				<-full
				server := cluster.Server(fmt.Sprintf("n%d", i%3+1))
				server.Kill()
				err := server.Start()
				end()
				if err != nil {
					t.Fatal(err)
				}
				whole()
			}
			var state streams.State
			suite.Eventually(t, "the stream has a leader", func() bool {
				state, err = stream.State(t.Context())
				return err == nil
			})
			if state.Messages != state.LastSeq || state.Bytes < loadBytes {
				t.Errorf("the stream holds %+v", state)
			}
		})
	}
}

// recreateCompressed makes the stream as earlier versions of the program did.
func recreateCompressed(t *testing.T, conn *streams.Conn) {
	t.Helper()
	js := conn.JetStream()
	s, err := js.Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	cfg.Compression = jetstream.S2Compression
	if err := js.DeleteStream(t.Context(), streams.StreamName); err != nil {
		t.Fatal(err)
	}
	suite.Eventually(t, "the stream is made", func() bool {
		_, err := js.CreateStream(t.Context(), cfg)
		return err == nil
	})
}
