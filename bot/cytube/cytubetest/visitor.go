package cytubetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// maxReceived bounds what a long demo keeps of the clients' frames.
const maxReceived = 10_000

// visitor is one client's connection. Its fields are guarded by Channel.mu, but
// for the queue, which has a lock of its own.
type visitor struct {
	c    *Channel
	s    *socket
	done chan struct{} // closed when the connection is off the list

	connected bool // has the namespace
	asked     bool // has sent joinChannel
	inside    bool // is in the channel
	waiting   bool // for the channel's password
	removed   bool // was thrown out
	name      string
	account   float64 // rank before joining: -1, 0 or 1
	person    *person // while inside with a name
	lastPong  time.Time
	since     time.Time // when the client came
	limiter   limiter
	broken    bool // the line was cut by the site

	lost     chan struct{} // closed when the site cuts all lines
	loseOnce sync.Once

	queueMu sync.Mutex
	queue   []queuedFrame
	ending  bool
	deaf    bool // is sent nothing any more
	wake    chan struct{}
}

// queuedFrame waits to be written.
type queuedFrame struct {
	kind int // as package websocket counts them
	data string
}

func sid(n int) string { return fmt.Sprintf("demo%016d", n) }

func (c *Channel) serveSocket(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		refuse(w)
		return
	}
	c.wg.Add(1)
	c.mu.Unlock()
	defer c.wg.Done()
	s, err := newSocket(w, r)
	if err != nil {
		return
	}
	v := &visitor{
		c: c, s: s, done: make(chan struct{}), lost: make(chan struct{}), account: anonymousRank,
		wake: make(chan struct{}, 1), lastPong: time.Now(), since: time.Now(),
	}
	c.mu.Lock()
	if c.closed || c.server == nil {
		_ = s.conn.Close()
	}
	c.visitors = append(c.visitors, v)
	c.nextSID++
	v.put(fmt.Sprintf(`0{"sid":%q,"upgrades":[],"pingInterval":%d,"pingTimeout":%d,"maxPayload":1048576}`,
		sid(c.nextSID), c.cfg.PingInterval.Milliseconds(), c.cfg.PingTimeout.Milliseconds()))
	c.mu.Unlock()

	writer := make(chan struct{})
	go func() {
		defer close(writer)
		v.write()
	}()
	v.read()
	s.abort()
	<-writer

	c.mu.Lock()
	c.visitors = slices.DeleteFunc(c.visitors, func(o *visitor) bool { return o == v })
	v.vanish()
	c.mu.Unlock()
	close(v.done)
}

// vanish takes the client out of the channel.
func (v *visitor) vanish() {
	p, wasInside := v.person, v.inside
	v.inside, v.person = false, nil
	if p != nil {
		v.c.exit(p)
	} else if wasInside {
		v.c.countChanged()
	}
}

// put queues a frame. It never blocks: a slow client holds up nobody.
func (v *visitor) put(frame string) { v.enqueue(queuedFrame{websocket.TextMessage, frame}) }

func (v *visitor) enqueue(frame queuedFrame) {
	v.queueMu.Lock()
	if !v.deaf {
		v.queue = append(v.queue, frame)
	}
	v.queueMu.Unlock()
	v.poke()
}

func (v *visitor) emit(event string, args ...any) { v.put(eventFrame(event, args...)) }

// end closes the connection once the queue is written.
func (v *visitor) end() {
	v.queueMu.Lock()
	v.ending = true
	v.queueMu.Unlock()
	v.poke()
}

func (v *visitor) poke() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

func (v *visitor) take() (frames []queuedFrame, ending bool) {
	v.queueMu.Lock()
	defer v.queueMu.Unlock()
	frames, v.queue = v.queue, nil
	return frames, v.ending
}

// write sends the queue and the pings until the connection ends.
func (v *visitor) write() {
	ping := time.NewTicker(v.c.cfg.PingInterval)
	defer ping.Stop()
	for {
		frames, ending := v.take()
		for _, frame := range frames {
			if !v.awaitThaw() || v.s.send(frame.kind, frame.data) != nil {
				_ = v.s.conn.Close()
				return
			}
		}
		if ending && len(frames) == 0 {
			_ = v.s.conn.Close()
			return
		}
		select {
		case <-v.wake:
		case <-ping.C:
			if v.pingTimedOut() {
				_ = v.s.conn.Close()
				return
			}
			v.put("2")
		case <-v.s.gone:
			return
		}
	}
}

func (v *visitor) pingTimedOut() bool {
	v.c.mu.Lock()
	defer v.c.mu.Unlock()
	return time.Since(v.lastPong) > v.c.cfg.PingInterval+v.c.cfg.PingTimeout
}

// awaitThaw waits while the channel is frozen.
func (v *visitor) awaitThaw() bool {
	for {
		v.c.mu.Lock()
		thaw := v.c.thaw
		v.c.mu.Unlock()
		if thaw == nil {
			return true
		}
		select {
		case <-thaw:
		case <-v.s.gone:
			return false
		case <-v.c.stop:
			return false
		}
	}
}

// read acts on the client's frames until the connection ends or breaks the
// protocol.
func (v *visitor) read() {
	for frame := range v.s.frames {
		if !v.holdUp(frame) || !v.frame(frame) {
			return
		}
	}
}

// frame reports whether the connection goes on.
func (v *visitor) frame(frame string) bool {
	v.c.mu.Lock()
	defer v.c.mu.Unlock()
	switch frame {
	case "3":
		v.lastPong = time.Now()
		return true
	case "1":
		return false
	case "40":
		v.connect()
		return true
	case "41":
		v.vanish()
		v.connected = false
		return true
	}
	event, args, ok := parseEvent(frame)
	if !ok || !v.connected {
		return false // a real server closes without a word; so it does after a kick
	}
	v.c.received = append(v.c.received, Received{v.name, event, args})
	if extra := len(v.c.received) - maxReceived; extra > 0 {
		v.c.received = slices.Delete(v.c.received, 0, extra)
	}
	v.event(event, args)
	return !v.broken
}

func (v *visitor) connect() {
	if v.connected {
		return
	}
	if v.c.refusal != "" {
		message, _ := json.Marshal(map[string]string{"message": v.c.refusal})
		v.put("44" + string(message))
		return
	}
	v.connected = true
	v.c.nextSID++
	v.put(fmt.Sprintf(`40{"sid":%q}`, sid(v.c.nextSID)))
	v.emit("rank", -1)
	if v.c.announced != nil {
		v.emit("announcement", v.c.announced)
	}
}

// rank is the client's rank in the channel.
func (v *visitor) rank() float64 {
	if v.person != nil {
		return v.person.rank
	}
	return v.account
}

func (v *visitor) event(event string, args []json.RawMessage) {
	switch event {
	case "login":
		v.login(args)
	case "joinChannel":
		v.joinChannel(args)
	case "channelPassword":
		var password string
		if v.waiting && decode(args, &password) {
			v.tryPassword(password, true)
		}
	}
	if !v.inside {
		return // handlers are attached when the joining is through
	}
	switch event {
	case "chatMsg":
		v.chat(args)
	case "pm":
		v.sendPM(args)
	case "vote":
		var vote struct {
			Option int `json:"option"`
		}
		if v.person != nil && decode(args, &vote) {
			_ = v.c.vote(v.name, vote.Option) // a vote too late is dropped without a word
		}
	}
}

func decode(args []json.RawMessage, into any) bool {
	return len(args) > 0 && json.Unmarshal(args[0], into) == nil
}

type loginAnswer struct {
	Success bool   `json:"success"`
	Name    string `json:"name,omitempty"`
	Guest   bool   `json:"guest,omitempty"`
	Error   string `json:"error,omitempty"`
}

func (v *visitor) login(args []json.RawMessage) {
	var login struct{ Name, PW string }
	if !decode(args, &login) {
		v.emit("errorMsg", map[string]string{"msg": "Invalid login frame"})
		return
	}
	if v.name != "" {
		return // ignored without an answer
	}
	name, guest, problem := v.c.authenticate(login.Name, login.PW)
	if problem != "" {
		v.emit("login", loginAnswer{Error: problem})
		return
	}
	v.name, v.account = name, 1
	if guest {
		v.account = 0
	}
	v.emit("rank", v.account)
	v.emit("login", loginAnswer{Success: true, Name: name, Guest: guest})
	switch {
	case v.inside:
		v.becomePerson()
		if v.person != nil {
			v.afterLateLogin()
		}
	case v.waiting:
		v.letModeratorIn()
	}
}

const badUserName = "Invalid username.  Usernames must be 1-20 characters long and consist only of characters a-z, A-Z, 0-9, -, or _."

// authenticate returns the name as registered, or what is wrong.
func (c *Channel) authenticate(name, password string) (registered string, guest bool, problem string) {
	known := ""
	for account := range c.cfg.Accounts {
		if strings.EqualFold(account, name) {
			known = account
		}
	}
	if password == "" {
		switch {
		case !userName.MatchString(name):
			return "", false, badUserName
		case known != "":
			return "", false, "That username is registered."
		case c.find(name) != nil:
			return "", false, "That name is already in use on this channel."
		case c.cfg.GuestLoginWait > 0 && time.Since(c.lastGuest) < c.cfg.GuestLoginWait:
			return "", false, "Guest logins are restricted to one per IP address per 60 seconds."
		}
		c.lastGuest = time.Now()
		return name, true, ""
	}
	switch {
	case !userName.MatchString(name):
		return "", false, fmt.Sprintf("Invalid username %q", name)
	case c.cfg.Accounts == nil:
		return name, false, ""
	case known == "":
		return "", false, "User does not exist"
	case c.cfg.Accounts[known] != password:
		return "", false, "Invalid username/password combination"
	}
	return known, false, ""
}

func (v *visitor) joinChannel(args []json.RawMessage) {
	var join struct{ Name, PW string }
	if v.asked || !decode(args, &join) {
		return
	}
	v.asked = true
	if !validChannel.MatchString(join.Name) {
		v.emit("errorMsg", map[string]string{"msg": "Invalid channel name.  Channel names may consist of 1-30 characters in the set a-z, A-Z, 0-9, -, and _"})
		v.throwOut("Invalid channel name")
		return
	}
	if v.c.banned[strings.ToLower(v.name)] && v.name != "" {
		v.emit("rank", v.channelRank())
		v.throwOut("You are banned from this channel.")
		return
	}
	v.tryPassword(join.PW, join.PW != "")
}

// tryPassword lets the client in if there is no password, it is right, or the
// client needs none.
func (v *visitor) tryPassword(password string, given bool) {
	switch {
	case v.c.password == "" || v.c.password == password:
		if v.waiting {
			v.emit("cancelNeedPassword")
		}
		v.waiting = false
		v.enter()
	case v.channelRank() >= moderator:
		v.waiting = false
		v.enter()
		v.emit("cancelNeedPassword")
	default:
		v.waiting = true
		v.emit("needPassword", given)
	}
}

func (v *visitor) letModeratorIn() {
	if v.channelRank() >= moderator {
		v.waiting = false
		v.enter()
		v.emit("cancelNeedPassword")
	}
}

// channelRank is the rank the client will have inside.
func (v *visitor) channelRank() float64 {
	if v.account < 1 {
		return v.account
	}
	return max(v.c.ranks[strings.ToLower(v.name)], v.account)
}

// enter puts the client into the channel and sends it the state.
func (v *visitor) enter() {
	if v.name != "" {
		v.becomePerson()
		if v.person == nil {
			return
		}
	}
	v.inside = true
	v.c.count(func(*Ledger) {})
	v.burst()
	v.c.countChanged()
}

// becomePerson puts a logged-in client on the user list. The older of two logins
// of the same account loses.
func (v *visitor) becomePerson() {
	c := v.c
	if c.banned[strings.ToLower(v.name)] {
		v.throwOut("You are banned from this channel.")
		return
	}
	if c.find(v.name) != nil {
		_ = c.kick(v.name, "Duplicate login") // present, as was just seen
	}
	p := &person{name: v.name, rank: v.channelRank(), mute: c.muted[strings.ToLower(v.name)], v: v}
	v.person = p
	c.people = append(c.people, p)
	c.announceArrival(p)
	if p.mute != unmuted {
		c.sendMeta(p, c.permission["mute"])
	}
}

// throwOut removes the client. Its WebSocket stays open.
func (v *visitor) throwOut(reason string) {
	v.emit("kick", map[string]string{"reason": reason})
	v.put("41")
	v.inside, v.person, v.removed, v.connected = false, nil, true, false
}
