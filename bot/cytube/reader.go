package cytube

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/gorilla/websocket"
)

// maxFrame bounds what one frame may take in memory. A playlist of ten thousand
// items stays well below.
const maxFrame = 64 << 20

// read reads the socket until it ends. Closing items is its last act.
func (s *session) read() {
	defer close(s.items)
	defer func() {
		s.c.setSession(nil)
		s.endedAt = s.cfg.Now()
		_ = s.conn.Close()
	}()
	for {
		frame, err := s.nextFrame()
		var unreadable *unreadableError
		switch {
		case errors.As(err, &unreadable):
			s.heard()
			if !s.lost(unreadable) {
				return
			}
			continue
		case err != nil:
			s.settle(s.broken(err))
			return
		}
		s.heard()
		if !s.packet(frame) {
			return
		}
	}
}

// nextFrame returns the next text frame, which is valid until it is called
// again. An *unreadableError concerns this frame only: another may follow.
func (s *session) nextFrame() ([]byte, error) {
	s.extend()
	kind, r, err := s.conn.NextReader()
	if err != nil {
		return nil, err
	}
	if s.buf.Cap() > 1<<20 {
		s.buf = bytes.Buffer{}
	}
	s.buf.Reset()
	patient := extendingReader{s: s, r: r}
	n, err := s.buf.ReadFrom(io.LimitReader(patient, s.c.maxFrame+1))
	if err != nil {
		return nil, err
	}
	if n > s.c.maxFrame {
		rest, err := io.Copy(io.Discard, patient)
		if err != nil {
			return nil, err
		}
		return nil, &unreadableError{bytes: int(n + rest), reason: UnreadableOversized}
	}
	if kind != websocket.TextMessage {
		return nil, &unreadableError{bytes: int(n), reason: UnreadableBinary}
	}
	return s.buf.Bytes(), nil
}

// extendingReader allows a large frame on a slow line its time: silence is
// counted from the last piece.
type extendingReader struct {
	s *session
	r io.Reader
}

func (e extendingReader) Read(p []byte) (int, error) {
	e.s.extend()
	return e.r.Read(p)
}

// extend moves the time at which reading gives up.
func (s *session) extend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	by := time.Now().Add(s.silence)
	if !s.joined {
		by = earlier(by, s.joinBy)
		by = earlier(by, s.passwordBy)
	}
	by = earlier(by, s.closeBy)
	// An error shows at the next read.
	_ = s.conn.SetReadDeadline(by)
}

func earlier(a, b time.Time) time.Time {
	if !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (s *session) heard() {
	s.lastFrame = s.cfg.Now()
	at := s.lastFrame
	s.c.status.update(func(st *State) { st.LastFrame = at })
}

// broken says what a read error means.
func (s *session) broken(err error) ending {
	var timeout net.Error
	var closed *websocket.CloseError
	now := time.Now()
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		switch {
		case !s.joined && !s.passwordBy.IsZero() && !now.Before(s.passwordBy):
			return s.needsPassword()
		case !s.joined && !now.Before(s.joinBy):
			return ending{reason: ReasonJoinTimeout, detail: fmt.Sprintf("not in the channel after %s", s.cfg.JoinTimeout), quotable: true}
		}
		return ending{reason: ReasonSilence, detail: fmt.Sprintf("nothing heard for %s", s.silence), quotable: true}
	case errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure:
		return ending{reason: ReasonServerClosed, detail: fmt.Sprintf("code %d", closed.Code), quotable: true}
	}
	return ending{reason: ReasonConnectionLost, detail: err.Error(), quotable: true}
}

func (s *session) needsPassword() ending {
	detail := "the channel asks for a password"
	if s.cfg.ChannelPassword != "" {
		detail = "the channel's password is wrong"
	}
	return ending{reason: ReasonNeedsPassword, detail: detail, quotable: true}
}

// packet acts on one frame. It reports whether reading goes on.
func (s *session) packet(frame []byte) bool {
	p, err := parsePacket(frame)
	if err != nil || p.namespace != "" {
		if p.kind.mayHoldEvent() {
			return s.lost(&unreadableError{bytes: len(frame), reason: unreadableReason(err)})
		}
		s.bad()
		return true
	}
	switch p.kind {
	case packetOpen:
		s.opened(p.data)
	case packetPing:
		if !s.closing() {
			_ = s.write([]byte{'3'}) // a failure ends the session
		}
	case packetConnect:
		return s.accepted()
	case packetConnectError:
		s.refused(p.data)
	case packetEvent:
		if !s.connected {
			s.bad()
			return true
		}
		return s.push(Frame{Event: p.event, Args: p.args, At: s.lastFrame}) && s.event(p)
	case packetDisconnect, packetClose:
		s.end(ending{reason: ReasonServerClosed, detail: "the server ended the session", quotable: true})
	case packetAck:
		s.c.status.update(func(st *State) { st.UnknownAcks++ })
	case packetPong, packetNoop:
	}
	return true
}

// accepted starts the login, or the joining where there is no name.
func (s *session) accepted() bool {
	if s.connected {
		s.bad()
		return true
	}
	s.connected = true
	s.c.status.update(func(st *State) { st.Connected, st.Server, st.Since = true, s.url, s.lastFrame })
	if !s.push(Connected{At: s.lastFrame, Server: s.url}) {
		return false
	}
	if s.closing() {
		return true
	}
	if s.cfg.Username == "" {
		s.join()
		return true
	}
	login := struct {
		Name string `json:"name"`
		PW   string `json:"pw,omitempty"`
	}{s.cfg.Username, s.cfg.Password}
	s.emit("login", login)
	return true
}

func (s *session) join() {
	s.joinSent = true
	s.emit("joinChannel", struct {
		Name string `json:"name"`
		PW   string `json:"pw,omitempty"`
	}{s.cfg.Channel, s.cfg.ChannelPassword})
}

func (s *session) refused(data json.RawMessage) {
	var answer struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		s.bad()
	}
	s.end(ending{reason: classifyRefusal(answer.Message), detail: answer.Message, quotable: true})
}

// event acts on the events that decide over the session. It reports whether
// reading goes on.
func (s *session) event(p packet) bool {
	if s.closing() {
		return true // what comes late is kept, not obeyed
	}
	switch p.event {
	case "login":
		return s.loginAnswer(p.args)
	case "userlist":
		s.hasList = true
		return s.joinedIfComplete()
	case "needPassword":
		s.askedForPassword(p.args)
	case "cancelNeedPassword":
		s.passwordBy = time.Time{}
	case "kick":
		s.kicked(p.args)
	}
	return true
}

func (s *session) loginAnswer(args []json.RawMessage) bool {
	if s.cfg.Username == "" || s.loggedIn {
		return true
	}
	var answer struct {
		Success bool   `json:"success"`
		Name    string `json:"name"`
		Guest   bool   `json:"guest"`
		Error   string `json:"error"`
	}
	if !s.decode(args, &answer) {
		return true
	}
	if !answer.Success {
		// Going on as an anonymous visitor would look like success.
		s.end(ending{reason: ReasonLoginFailed, detail: answer.Error, quotable: true})
		return true
	}
	s.loggedIn, s.name, s.guest = true, answer.Name, answer.Guest
	if !s.joinSent {
		s.join()
	}
	return s.joinedIfComplete()
}

func (s *session) joinedIfComplete() bool {
	if s.joined || !s.joinSent || !s.hasList || (s.cfg.Username != "" && !s.loggedIn) {
		return true
	}
	s.joined, s.joinedAt = true, time.Now()
	s.c.status.update(func(st *State) {
		st.Joined, st.Name, st.Guest, st.Attempt = true, s.name, s.guest, 0
		st.LastReason, st.LastError = "", ""
		st.Joins++
	})
	s.c.log.Info("joined the channel")
	s.c.setSession(s)
	if s.closing() {
		s.c.setSession(nil) // ended meanwhile by the end of Run's context
	}
	return s.push(Joined{At: s.lastFrame, Visit: s.visit, Name: s.name, Guest: s.guest})
}

func (s *session) askedForPassword(args []json.RawMessage) {
	var wrong bool
	if s.joined || !s.decode(args, &wrong) {
		return
	}
	if !wrong && s.cfg.ChannelPassword != "" && !s.passwordSent {
		s.passwordSent = true
		s.emit("channelPassword", s.cfg.ChannelPassword)
		return
	}
	s.passwordBy = time.Now().Add(passwordGrace)
}

func (s *session) kicked(args []json.RawMessage) {
	s.kick = &kick{}
	if len(args) > 0 {
		s.decode(args, s.kick)
	}
	reason := classifyKick(s.kick.Reason)
	s.end(ending{reason: reason, detail: s.kick.Reason})
}

// decode reads an event's first argument, and counts one that cannot be read.
func (s *session) decode(args []json.RawMessage, into any) bool {
	if len(args) == 0 || json.Unmarshal(args[0], into) != nil {
		s.bad()
		return false
	}
	return true
}

// bad counts outside data that could not be understood.
func (s *session) bad() {
	s.c.status.update(func(st *State) { st.BadFrames++ })
	s.warnBad()
}

func (s *session) warnBad() {
	if now := time.Now(); now.Sub(s.c.warned) > time.Minute {
		s.c.warned = now
		s.c.log.Warn("skipped a frame that could not be understood")
	}
}
