package backup_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rosey/internal/backup"
	"rosey/internal/installation"
	"rosey/streams"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/jetstream"
)

// From an embedded server onto a cluster of three, and from there back into a data
// folder: three copies, then one, and the same stream all the way.
func TestRestore_OntoAClusterAndBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.say("one", "two")
	h.drain()
	h.enqueue("three")
	first := h.take()

	cluster := streamstest.NewCluster(t)
	conn, err := streams.Connect(t.Context(), streams.Config{URLs: cluster.URLs(), WaitForServer: true})
	must(t, err)
	t.Cleanup(conn.Close)
	to := backup.Target{Data: installation.Dir(filepath.Join(t.TempDir(), "bot")), Conn: conn, Replicas: 3, MaxBytes: 1 << 30}
	var res backup.Restored
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		// The servers have to find each other first.
		if res, err = first.Restore(t.Context(), to); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	changed := func(res backup.Restored, field, was, now string) bool {
		return slices.Contains(res.Changes, streams.Change{Field: field, Was: was, Now: now})
	}
	if res.Messages != 3 || res.Held != 1 || !changed(res, "replicas", "1", "3") || !changed(res, "compression", "S2", "None") {
		t.Errorf("onto the cluster: %+v", res)
	}
	stream, err := streams.Open(t.Context(), conn)
	must(t, err)
	info, err := conn.JetStream().Stream(t.Context(), streams.StreamName)
	must(t, err)
	if got := info.CachedInfo().Config.Compression; got != jetstream.NoCompression {
		t.Errorf("three copies have compression %s", got)
	}
	if c := info.CachedInfo().Cluster; c == nil || len(c.Replicas) != 2 || slices.ContainsFunc(c.Replicas, func(r *jetstream.PeerInfo) bool { return !r.Current }) {
		t.Errorf("the copies are %+v", c)
	}

	dir := filepath.Join(t.TempDir(), "second")
	if _, err := backup.Take(t.Context(), backup.Config{Dir: dir, Stream: stream, Data: to.Data}); err != nil {
		t.Fatal(err)
	}
	second, err := backup.Open(dir)
	must(t, err)
	data, res := restore(t, second)
	if !changed(res, "replicas", "3", "1") || !changed(res, "compression", "None", "S2") || res.Identity != h.server.Stream.Identity().ID {
		t.Errorf("back again: %+v", res)
	}
	other := enter(t, data)
	if got, want := other.ids(), h.ids(); !slices.Equal(got, want) {
		t.Errorf("the stream has %v\nwant %v", got, want)
	}
}
