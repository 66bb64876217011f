package streams_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"rosey/internal/suite"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// A replica that has just been made may have less than the leader, and its consumers
// say that there is nothing more: whoever reads from it must not believe that.
func TestCluster_AReplicaThatLagsIsNotTheEnd(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	const keys, messages = 50, 900
	from := streamstest.New(t)
	for i := range 3 {
		from.Append(t, lines(fmt.Sprint("p", i), messages/3)...)
	}
	bucket, err := from.Conn.Bucket(ctx, streams.OutboundBucket)
	if err != nil {
		t.Fatal(err)
	}
	for i := range keys {
		if err := bucket.Put(ctx, fmt.Sprintf("tv.%d", i), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	cluster := streamstest.NewCluster(t)
	conn, err := streams.Connect(ctx, streams.Config{URLs: cluster.URLs(), WaitForServer: true, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	suite.Eventually(t, "the cluster has a leader", func() bool { return cluster.Healthy(ctx) == nil })
	for round := range 8 {
		for _, name := range []string{streams.StreamName, streams.OutboundStream} {
			var copied bytes.Buffer
			s, err := from.Conn.Snapshot(ctx, name, &copied, nil)
			if err != nil {
				t.Fatal(err)
			}
			suite.Eventually(t, name+" is restored", func() bool {
				if err := conn.Discard(ctx, name); err != nil {
					return false
				}
				_, err := conn.Restore(ctx, s, bytes.NewReader(copied.Bytes()), streams.RestoreOptions{Replicas: 3, MaxBytes: 1 << 28})
				return err == nil
			})
			if name == streams.OutboundStream {
				bucket, err := conn.Bucket(ctx, streams.OutboundBucket)
				if err != nil {
					t.Fatal(err)
				}
				if list, err := bucket.List(ctx, ""); err != nil || len(list) != keys {
					t.Errorf("round %d: %d keys are listed, %v: want %d", round, len(list), err, keys)
				}
				continue
			}
			stream, err := streams.Open(ctx, conn)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range []streams.ReadOptions{
				{StopAtEnd: true}, {StopAtEnd: true, Subjects: []string{"rosey.db.message.>"}}, {StopAtEnd: true, Since: time.Unix(1, 0)},
			} {
				if got := len(streamstest.ReadAll(t, stream, o)); got != messages {
					t.Errorf("round %d: %d messages were read with %+v, want %d", round, got, o, messages)
				}
			}
		}
	}
}
