package outbound_test

import (
	"context"
	"fmt"
	"os"

	"rosey/bot/outbound"
	"rosey/streams"
	"rosey/streams/embedded"
)

// A message is queued twice with one key, claimed once, and taken to its end.
func ExampleQueue() {
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

	queue, err := outbound.OpenQueue(ctx, stream)
	if err != nil {
		panic(err)
	}
	var m outbound.Message
	for range 2 { // the second time is a retry
		var existed bool
		m, existed, err = queue.Enqueue(ctx, outbound.Request{Channel: "Lounge", Text: "hello", Key: "greeting-7"})
		if err != nil {
			panic(err)
		}
		fmt.Println(m.Channel, m.State, "existed", existed)
	}
	if m, err = queue.Claim(ctx, m, "run1"); err != nil {
		panic(err)
	}
	// Written before the frame leaves; from here on only an outcome moves it.
	if m, err = queue.Move(ctx, m, outbound.Sending, func(n *outbound.Message) { n.Attempts++ }); err != nil {
		panic(err)
	}
	if m, err = queue.Move(ctx, m, outbound.Sent, nil); err != nil {
		panic(err)
	}
	_, err = queue.Cancel(ctx, m.Channel, m.ID)
	fmt.Println(m.State, "after", m.Attempts, "attempt; too late to cancel:", err != nil)
	// Output:
	// lounge queued existed false
	// lounge queued existed true
	// sent after 1 attempt; too late to cancel: true
}
