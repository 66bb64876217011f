package endtoend

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rosey/replay"
	"rosey/streams"
	"rosey/streams/archive"
	"rosey/streams/streamstest"
)

// archived is an archive of a stream whose messages have neither ids nor times of
// their own, with holes, and the server that it was made of.
func archived(t *testing.T, n int) (folder string, from *streamstest.Env) {
	t.Helper()
	from = streamstest.New(t)
	for at := 0; at < n; at += streams.MaxBatch {
		if _, err := from.Stream.AppendBatch(t.Context(), lines(fmt.Sprint(at), min(streams.MaxBatch, n-at))); err != nil {
			t.Fatal(err)
		}
	}
	s, err := from.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{7, 8, uint64(n / 2), uint64(n)} {
		if err := s.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	folder = filepath.Join(t.TempDir(), "archive")
	if _, err := archive.Write(t.Context(), folder, from.Stream, archive.WriteOptions{SegmentBytes: 200_000}); err != nil {
		t.Fatal(err)
	}
	return folder, from
}

// described is every message of a stream, with the time at which the original
// stored it.
func described(t *testing.T, s *streams.Stream) []string {
	t.Helper()
	var list []string
	for _, m := range streamstest.ReadAll(t, s, streams.ReadOptions{}) {
		list = append(list, fmt.Sprint(m.Seq, m.Time.UnixNano(), m.Subject, m.MsgID, string(m.Data)))
	}
	return list
}

// The stream is made again on a server of its own, and on a cluster, by a command
// that is killed in the middle again and again, and whose server dies too.
func TestImport_KilledOntoAnotherServer(t *testing.T) {
	t.Parallel()
	n, kills := 12_000, 2
	if *long {
		n, kills = 200_000, 10
	}
	folder, from := archived(t, n)
	want := described(t, from.Stream)
	original := filepath.Join(t.TempDir(), "original.db")
	if _, err := replay.Into(t.Context(), original, replay.Config{Stream: from.Stream}); err != nil {
		t.Fatal(err)
	}

	for _, onto := range []string{"a server", "a cluster"} {
		t.Run(onto, func(t *testing.T) {
			t.Parallel()
			var urls, more []string
			var fail func() // a server dies and comes back
			if onto == "a cluster" {
				c := streamstest.NewCluster(t)
				urls, more = c.URLs(), []string{"--replicas", "3"}
				until(t, "the cluster is healthy", func() bool { return c.Healthy(t.Context()) == nil })
				fail = func() {
					server := c.Server(leader(t, urls))
					server.Kill()
					if err := server.Start(); err != nil {
						t.Fatal(err)
					}
				}
			} else {
				server := streamstest.ExternalServer(t, streamstest.ExternalOptions{})
				urls = []string{server.URL()}
				fail = func() {
					server.Kill()
					if err := server.Start(); err != nil {
						t.Fatal(err)
					}
				}
			}
			at := []string{"--nats", strings.Join(urls, ",")}
			args := append(append([]string{"import", "events", folder, "--max-bytes", "1GiB", "--json"}, more...), at...)
			nc, err := nats.Connect(strings.Join(urls, ","), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.RetryOnFailedConnect(true))
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			js, err := jetstream.New(nc)
			if err != nil {
				t.Fatal(err)
			}
			cut := 0
			for i := range kills {
				p := start(t, args...)
				// As soon as so much of it is there.
				until(t, "a part is imported", func() bool {
					select {
					case <-p.done:
						return true
					default:
					}
					s, err := js.Stream(t.Context(), streams.StreamName)
					return err == nil && s.CachedInfo().State.LastSeq > uint64(n*i/(kills+1))
				})
				if i%2 == 0 {
					p.kill()
				} else {
					fail()
					p.wait() // it goes on, or says what to do
				}
				if code := p.cmd.ProcessState.ExitCode(); code != 0 {
					cut++
					if text := p.err.String(); code > 0 && !strings.Contains(text, "try: ") {
						t.Errorf("cut off %d, exit code %d: %s", i, code, text)
					}
					if s, err := js.Stream(t.Context(), streams.StreamName); err == nil && s.CachedInfo().Config.Metadata["rosey_identity"] == "" {
						// What is there does not look whole.
						if code, _, errs := run(t, append([]string{"replay", "--data", t.TempDir()}, at...)...); code == 0 || !strings.Contains(errs, "rosey import events") {
							t.Errorf("a part of it was taken for the whole: exit code %d, %s", code, errs)
						}
					}
				}
			}
			if cut == 0 {
				t.Error("every import came to its end")
			}
			// The last one may have been whole already.
			if code, out, errs := run(t, args...); code != 0 && !strings.Contains(errs, streams.ErrNotEmpty.Error()) {
				t.Fatalf("the last import: exit code %d, %s%s", code, out, errs)
			}
			conn, err := streams.Connect(t.Context(), streams.Config{URLs: urls})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			s, err := streams.Open(t.Context(), conn)
			if err != nil {
				t.Fatal(err)
			}
			if s.Identity() != from.Stream.Identity() {
				t.Errorf("identity %v, want %v", s.Identity(), from.Stream.Identity())
			}
			if got := described(t, s); strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%d messages, want %d: %s", len(got), len(want), firstDifference(strings.Join(got, "\n"), strings.Join(want, "\n")))
			}
			restored := filepath.Join(t.TempDir(), "restored")
			must(t, append([]string{"replay", "--data", restored}, at...)...)
			if got, want := dump(t, filepath.Join(restored, "rosey.db")), dump(t, original); got != want {
				t.Errorf("the tables differ: %s", firstDifference(got, want))
			}
			must(t, append([]string{"export", "events", "--archive", folder + onto, "--verify"}, at...)...)
			until(t, "the stream is as it should be", func() bool {
				code, _, _ := run(t, append([]string{"stream", "check"}, append(more, at...)...)...)
				return code == 0 // a server that has just come back is asked again
			})
		})
	}
}

// leader is the server that leads the stream.
func leader(t *testing.T, urls []string) (name string) {
	t.Helper()
	until(t, "the stream has a leader", func() bool {
		nc, err := nats.Connect(strings.Join(urls, ","))
		if err != nil {
			return false
		}
		defer nc.Close()
		js, err := jetstream.New(nc)
		if err != nil {
			return false
		}
		s, err := js.Stream(t.Context(), streams.StreamName)
		if err != nil || s.CachedInfo().Cluster == nil {
			return false
		}
		name = s.CachedInfo().Cluster.Leader
		return name != ""
	})
	return name
}
