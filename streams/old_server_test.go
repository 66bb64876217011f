package streams_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"rosey/streams"
)

// oldServer greets like a server of that version, and answers pings.
func oldServer(t *testing.T, version string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer func() { _ = c.Close() }()
				_, _ = io.WriteString(c, `INFO {"server_id":"old","version":"`+version+`","proto":1,"headers":true,"max_payload":1048576,"jetstream":true}`+"\r\n")
				lines := bufio.NewScanner(c)
				for lines.Scan() {
					if strings.HasPrefix(lines.Text(), "PING") {
						_, _ = io.WriteString(c, "PONG\r\n")
					}
				}
			})
		}
	})
	return "nats://" + l.Addr().String()
}

func TestConnect_AServerThatIsTooOldIsRefused(t *testing.T) {
	t.Parallel()
	_, err := streams.Connect(t.Context(), streams.Config{URLs: []string{oldServer(t, "2.9.25")}})
	if !errors.Is(err, streams.ErrServerTooOld) || !strings.Contains(err.Error(), "2.9.25") || !strings.Contains(err.Error(), "2.10") {
		t.Errorf("connect: %v, want ErrServerTooOld that names both versions", err)
	}
}
