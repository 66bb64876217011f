package healing

import (
	"encoding/json"
	"testing"
	"time"

	"rosey/streams"

	"github.com/nats-io/nats.go"
)

// backup is a stream as the server gives it away.
type backup struct {
	config, state json.RawMessage
	chunks        [][]byte
}

// answer is what the server says to a request about streams.
type answer struct {
	Error   json.RawMessage `json:"error"`
	Config  json.RawMessage `json:"config"`
	State   json.RawMessage `json:"state"`
	Deliver string          `json:"deliver_subject"`
}

// takeBackup reads the whole stream out of the server, as operators do it.
func takeBackup(t *testing.T, c *streams.Conn) backup {
	t.Helper()
	nc := c.NATS()
	inbox := nats.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	a := ask(t, nc, "$JS.API.STREAM.SNAPSHOT."+streams.StreamName, map[string]any{"deliver_subject": inbox})
	b := backup{config: a.Config, state: a.State}
	for {
		m, err := sub.NextMsg(patience)
		if err != nil {
			t.Fatalf("read the backup: %v", err)
		}
		if len(m.Data) == 0 {
			return b
		}
		b.chunks = append(b.chunks, m.Data)
		if m.Reply != "" {
			if err := m.Respond(nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// binding is the backup of a stream that binds other subjects.
func (b backup) binding(t *testing.T, subjects []string) backup {
	t.Helper()
	config := map[string]any{}
	if err := json.Unmarshal(b.config, &config); err != nil {
		t.Fatal(err)
	}
	config["subjects"] = subjects
	var err error
	if b.config, err = json.Marshal(config); err != nil {
		t.Fatal(err)
	}
	return b
}

// restore gives the stream back to a server that has none.
func (b backup) restore(t *testing.T, c *streams.Conn) {
	t.Helper()
	nc := c.NATS()
	a := ask(t, nc, "$JS.API.STREAM.RESTORE."+streams.StreamName, map[string]any{"config": b.config, "state": b.state})
	for _, chunk := range b.chunks {
		if _, err := nc.Request(a.Deliver, chunk, patience); err != nil {
			t.Fatalf("restore: %v", err)
		}
	}
	m, err := nc.Request(a.Deliver, nil, patience)
	if err != nil {
		t.Fatalf("restore: %v", err)
	}
	check(t, m.Data)
}

func ask(t *testing.T, nc *nats.Conn, subject string, request any) answer {
	t.Helper()
	data, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	m, err := nc.Request(subject, data, 20*time.Second)
	if err != nil {
		t.Fatalf("%s: %v", subject, err)
	}
	return check(t, m.Data)
}

func check(t *testing.T, data []byte) answer {
	t.Helper()
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		t.Fatal(err)
	}
	if len(a.Error) > 0 {
		t.Fatalf("the server refuses: %s", a.Error)
	}
	return a
}
