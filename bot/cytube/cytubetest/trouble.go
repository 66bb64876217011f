package cytubetest

import (
	"strings"
	"sync"
	"time"
)

// SwallowChat drops the next n chat lines and private messages of clients
// without a word.
func (c *Channel) SwallowChat(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.swallow = n
}

// CutChat cuts the connection of whoever writes the next chat line or private
// message: with taken, after the server has taken it, so that everybody is shown
// it but its author; otherwise before. Several calls add up.
func (c *Channel) CutChat(taken bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cutChat = append(c.cutChat, taken)
}

// SetChatDelay makes the site slow: it takes each chat line and private message
// only after the given time. Until then the connection holds it, also one that
// its client has closed; a login elsewhere or the end of the site loses it.
func (c *Channel) SetChatDelay(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.chatDelay = d
}

// HoldChat makes the site take no chat line and no private message of a client
// until the returned function is called. Meanwhile the connections hold them, as
// those of a slow site do.
func (c *Channel) HoldChat() (release func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	held := make(chan struct{})
	c.chatHeld = held
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		close(held)
		if c.chatHeld == held {
			c.chatHeld = nil
		}
	})
}

// holdUp waits until a slow site takes the frame. It reports whether the
// connection goes on.
func (v *visitor) holdUp(frame string) bool {
	if !strings.HasPrefix(frame, `42["chatMsg"`) && !strings.HasPrefix(frame, `42["pm"`) {
		return true
	}
	v.c.mu.Lock()
	delay, held := v.c.chatDelay, v.c.chatHeld
	v.c.mu.Unlock()
	if delay <= 0 && held == nil {
		return true
	}
	var over <-chan time.Time
	if held == nil {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
		return true
	case <-held:
		return true
	case <-v.lost:
		return false
	case <-v.c.stop:
		return false
	}
}

// lose cuts the connection, with what it holds.
func (v *visitor) lose() {
	v.loseOnce.Do(func() { close(v.lost) })
	_ = v.s.conn.Close()
}

// troubled reports whether a line that a client wrote meets a trouble that was
// asked for. take has the line taken.
func (v *visitor) troubled(take func()) bool {
	c := v.c
	switch {
	case c.swallow > 0:
		c.swallow--
		c.dropped.Swallowed++
	case len(c.cutChat) > 0:
		taken := c.cutChat[0]
		c.cutChat = c.cutChat[1:]
		v.queueMu.Lock()
		v.deaf = true
		v.queueMu.Unlock()
		if taken {
			take()
		} else {
			c.dropped.Cut++
		}
		v.broken = true
		_ = v.s.conn.Close()
	default:
		return false
	}
	return true
}
