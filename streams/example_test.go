package streams_test

import (
	"context"
	"fmt"
	"os"

	"rosey/events"
	"rosey/streams"
	"rosey/streams/embedded"
)

// An event is stored on a server in this process, and read back.
func ExampleStream_Append() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "rosey-example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	server, err := embedded.Start(ctx, embedded.Config{StoreDir: dir, NoListen: true, NoMonitor: true})
	if err != nil {
		panic(err)
	}
	defer server.Shutdown(ctx)

	user, password := server.Credentials()
	conn, err := streams.Connect(ctx, streams.Config{InProcess: server.InProcessConn, User: user, Password: password})
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	stream, _, err := streams.Setup(ctx, conn, streams.StreamOptions{MaxBytesIfNew: 1 << 30})
	if err != nil {
		panic(err)
	}

	m := streams.AppendMessage{
		Subject: events.Subject(events.KindUserJoined),
		MsgID:   "run-1",
		Data:    []byte(`{"id":"run-1","username":"ann"}`),
	}
	for range 2 { // the second time is a retry
		ack, err := stream.Append(ctx, m)
		if err != nil {
			panic(err)
		}
		fmt.Println("sequence", ack.Seq, "duplicate", ack.Duplicate)
	}
	stored, err := stream.Get(ctx, 1)
	if err != nil {
		panic(err)
	}
	fmt.Println(stored.Subject, string(stored.Data))
	// Output:
	// sequence 1 duplicate false
	// sequence 1 duplicate true
	// rosey.db.user.joined {"id":"run-1","username":"ann"}
}
