package cytubetest

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNoPoll is returned where an open poll is needed.
var ErrNoPoll = errors.New("cytubetest: no poll is open")

// poll is the open poll.
type poll struct {
	title     string
	options   []string
	initiator string
	timestamp int64
	hidden    bool
	votes     map[string]int // by lower-case name
	counted   bool           // in the Ledger
}

type pollJSON struct {
	Title     string   `json:"title"`
	Options   []string `json:"options"`
	Counts    []any    `json:"counts"`
	Initiator string   `json:"initiator"`
	Timestamp int64    `json:"timestamp"`
}

var pollEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;",
	`"`, "&quot;", "'", "&#39;", "(", "&#40;", ")", "&#41;")

const seesHiddenPolls = 1.5

// json is the poll as a receiver of the given rank sees it.
func (p *poll) json(rank float64) pollJSON {
	counts := make([]int, len(p.options))
	for _, option := range p.votes {
		counts[option]++
	}
	shown := make([]any, len(counts))
	for i, n := range counts {
		switch {
		case !p.hidden:
			shown[i] = n
		case rank >= seesHiddenPolls:
			shown[i] = fmt.Sprintf("%d?", n)
		default:
			shown[i] = "?"
		}
	}
	return pollJSON{p.title, p.options, shown, p.initiator, p.timestamp}
}

// OpenPoll opens a poll. An open one is closed first.
func (c *Channel) OpenPoll(by, title string, options ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.openPoll(by, title, options, false)
}

// OpenHiddenPoll opens a poll whose counts only moderators see while it is open.
func (c *Channel) OpenHiddenPoll(by, title string, options ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.openPoll(by, title, options, true)
}

func (c *Channel) openPoll(by, title string, options []string, hidden bool) {
	c.closePoll()
	p := &poll{title: pollEscaper.Replace(title), initiator: by, timestamp: c.nowMS(), hidden: hidden, votes: make(map[string]int)}
	for _, option := range options {
		p.options = append(p.options, pollEscaper.Replace(option))
	}
	c.poll = p
	c.count(func(*Ledger) { c.countPoll() })
	c.sendPoll("newPoll")
}

// Vote gives or changes somebody's vote.
func (c *Channel) Vote(name string, option int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.vote(name, option)
}

func (c *Channel) vote(name string, option int) error {
	if c.poll == nil {
		return ErrNoPoll
	}
	if option < 0 || option >= len(c.poll.options) {
		return fmt.Errorf("cytubetest: the poll has no option %d", option)
	}
	c.poll.votes[strings.ToLower(name)] = option
	c.count(func(l *Ledger) { l.Votes++ })
	c.sendPoll("updatePoll")
	return nil
}

// dropVote takes back the vote of somebody who left.
func (c *Channel) dropVote(name string) {
	if c.poll == nil {
		return
	}
	if _, voted := c.poll.votes[strings.ToLower(name)]; voted {
		delete(c.poll.votes, strings.ToLower(name))
		c.sendPoll("updatePoll")
	}
}

// ClosePoll closes the open poll.
func (c *Channel) ClosePoll() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.poll == nil {
		return ErrNoPoll
	}
	c.closePoll()
	return nil
}

func (c *Channel) closePoll() {
	if c.poll == nil {
		return
	}
	if c.poll.hidden {
		c.poll.hidden = false
		c.sendPoll("updatePoll")
	}
	c.poll = nil
	c.send("closePoll", nil)
}

func (c *Channel) sendPoll(event string) {
	c.sendEach(event, func(v *visitor) any { return c.poll.json(v.rank()) })
}
