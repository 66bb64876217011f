package cytubetest

import (
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	socketWait = 5 * time.Second
	// writeWait is long: a client may read slowly on purpose.
	writeWait = 60 * time.Second
)

var upgrader = websocket.Upgrader{
	CheckOrigin: func(*http.Request) bool { return true },
}

// socket is the server's end of one WebSocket. A goroutine reads it into frames,
// and closes frames when it ends.
type socket struct {
	conn   *websocket.Conn
	frames chan string
	gone   chan struct{} // closed when reading has ended

	writeMu sync.Mutex
}

// newSocket takes over the request's connection.
func newSocket(w http.ResponseWriter, r *http.Request) (*socket, error) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return nil, err
	}
	s := &socket{conn: conn, frames: make(chan string, 256), gone: make(chan struct{})}
	go s.read()
	return s, nil
}

func (s *socket) read() {
	defer close(s.gone)
	defer close(s.frames)
	for {
		_, frame, err := s.conn.ReadMessage()
		if err != nil {
			return
		}
		s.frames <- string(frame)
	}
}

// write sends one frame. A frame written without error reaches a client that
// reads to the end.
func (s *socket) write(frame string) error { return s.send(websocket.TextMessage, frame) }

func (s *socket) send(kind int, frame string) error {
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return err
	}
	return s.conn.WriteMessage(kind, []byte(frame))
}

// close ends the WebSocket in order: close frame, the client's answer, TCP.
func (s *socket) close(code int) {
	payload := websocket.FormatCloseMessage(code, "")
	_ = s.conn.WriteControl(websocket.CloseMessage, payload, time.Now().Add(socketWait))
	s.finish()
}

// cut ends the TCP connection without a word, but after what was written.
func (s *socket) cut() {
	if tcp, ok := s.conn.NetConn().(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	s.finish()
}

// abort ends the connection at once.
func (s *socket) abort() {
	_ = s.conn.Close()
	s.drain()
}

// finish waits for the client to end its side, so that all it was sent has been
// read, and closes the connection.
func (s *socket) finish() {
	timer := time.AfterFunc(socketWait, func() { _ = s.conn.Close() })
	defer timer.Stop()
	s.drain()
	_ = s.conn.Close()
}

func (s *socket) drain() {
	for range s.frames { // the reader may be waiting to hand one over
	}
	<-s.gone
}
