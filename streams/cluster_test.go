package streams_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rosey/internal/suite"
	"rosey/streams"
	"rosey/streams/streamstest"

	"github.com/nats-io/nats.go/jetstream"
)

// A stream of three that an earlier version made is said to be in danger by
// whatever opens it, until it is set up again, and that says what is left to do.
func TestCluster_ACompressedStreamIsChanged(t *testing.T) {
	t.Parallel()
	cluster := streamstest.NewCluster(t)
	conn, err := streams.Connect(t.Context(), streams.Config{URLs: cluster.URLs(), WaitForServer: true, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	o := streams.StreamOptions{Replicas: 3, MaxBytes: 1 << 30}
	suite.Eventually(t, "the stream is set up", func() bool {
		_, _, err = streams.Setup(t.Context(), conn, o)
		return err == nil
	})
	warned := func() bool {
		return slices.ContainsFunc(conn.Warnings(), func(w string) bool { return strings.Contains(w, "compressed") })
	}
	if warned() {
		t.Errorf("a new stream warns: %q", conn.Warnings())
	}
	cfg := streamConfig(t, conn)
	cfg.Compression = jetstream.S2Compression
	suite.Eventually(t, "the stream is a compressed one", func() bool {
		_, err := conn.JetStream().UpdateStream(t.Context(), cfg)
		return err == nil
	})
	suite.Eventually(t, "the stream is opened", func() bool {
		_, err = streams.Open(t.Context(), conn)
		return err == nil
	})
	if !warned() {
		t.Errorf("a compressed stream warns of %q", conn.Warnings())
	}
	// Whoever names no number of replicas means those that there are.
	diffs, err := streams.Check(t.Context(), conn, streams.StreamOptions{})
	if err != nil || len(diffs) != 1 || diffs[0].Field != "compression" || !strings.Contains(diffs[0].Remedy, "docs/cluster.md") {
		t.Errorf("check says %v, %v", diffs, err)
	}
	_, changes, err := streams.Setup(t.Context(), conn, streams.StreamOptions{})
	if err != nil || len(changes) != 1 || changes[0].Now != "None" || !strings.Contains(changes[0].String(), "stop each in turn") {
		t.Errorf("set up: %v, %v", changes, err)
	}
	if warned() {
		t.Errorf("a stream that was set up warns: %q", conn.Warnings())
	}
}

// Servers that have enough for something, and not for the usual size, are no cluster
// that is too small.
func TestCluster_LittleStorageMakesASmallStream(t *testing.T) {
	t.Parallel()
	cluster := streamstest.NewClusterOf(t, func(own streamstest.Place, all []streamstest.Place) string {
		var routes []string
		for _, p := range all {
			routes = append(routes, fmt.Sprintf("%q", "nats://"+p.Routes))
		}
		return fmt.Sprintf("server_name: %s\nlisten: %q\nhttp: %q\njetstream { store_dir: %q, max_file_store: 6GB }\ncluster { name: c, listen: %q, routes: [%s] }\n",
			own.Name, own.Client, own.Monitor, own.Dir, own.Routes, strings.Join(routes, ", "))
	})
	conn, err := streams.Connect(t.Context(), streams.Config{URLs: cluster.URLs(), WaitForServer: true, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	suite.Eventually(t, "the servers have found each other", func() bool { return cluster.Healthy(t.Context()) == nil })
	suite.Eventually(t, "a size that was chosen is refused", func() bool {
		_, _, err := streams.Setup(t.Context(), conn, streams.StreamOptions{Replicas: 3, MaxBytes: 64 << 30})
		return errors.Is(err, streams.ErrNoRoom)
	})
	suite.Eventually(t, "the stream is set up", func() bool {
		_, _, err = streams.Setup(t.Context(), conn, streams.StreamOptions{Replicas: 3})
		return err == nil
	})
	if cfg := streamConfig(t, conn); cfg.MaxBytes >= 6<<30 || cfg.Replicas != 3 {
		t.Errorf("the stream has %d bytes and %d replicas", cfg.MaxBytes, cfg.Replicas)
	}
}
