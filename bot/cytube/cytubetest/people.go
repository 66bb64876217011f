package cytubetest

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	// ErrAbsent is returned for somebody who is not in the channel.
	ErrAbsent = errors.New("cytubetest: not in the channel")
	// ErrPresent is returned by Join for somebody who is in the channel already.
	ErrPresent = errors.New("cytubetest: in the channel already")
	// ErrName is returned for what cannot be a user's name.
	ErrName = errors.New("cytubetest: not a user name")
)

var userName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,20}$`)

const (
	anonymousRank = -1.0
	moderator     = 2.0
)

// person is somebody with a name who is in the channel.
type person struct {
	name string
	rank float64
	afk  bool
	mute muteKind
	v    *visitor // nil for those without a connection
}

// muteKind is whether somebody's lines are refused, or shown to them alone.
type muteKind int

const (
	unmuted muteKind = iota
	muted
	shadowMuted
)

type userJSON struct {
	Name    string      `json:"name"`
	Rank    float64     `json:"rank"`
	Profile profileJSON `json:"profile"`
	Meta    any         `json:"meta"`
}

type profileJSON struct {
	Image string `json:"image"`
	Text  string `json:"text"`
}

type metaJSON struct {
	AFK   bool `json:"afk"`
	Muted bool `json:"muted"`
}

type modMetaJSON struct {
	AFK     bool     `json:"afk"`
	Muted   bool     `json:"muted"`
	SMuted  bool     `json:"smuted"`
	Aliases []string `json:"aliases"`
	IP      string   `json:"ip"`
}

// meta is what a receiver of the given rank is told about a person.
func (p *person) meta(rank float64) any {
	if rank < moderator {
		return metaJSON{p.afk, p.mute == muted}
	}
	return modMetaJSON{p.afk, p.mute != unmuted, p.mute == shadowMuted, []string{p.name}, cloak(p.name)}
}

func (p *person) json(rank float64) userJSON {
	return userJSON{Name: p.name, Rank: p.rank, Meta: p.meta(rank)}
}

// cloak makes up an address in the form moderators are shown.
func cloak(name string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	h := fnv.New64a()
	_, _ = h.Write([]byte(strings.ToLower(name)))
	sum := h.Sum64()
	b := []byte("+Jk.")
	for group := range 3 {
		if group > 0 {
			b = append(b, '.')
		}
		for range 3 {
			b = append(b, digits[sum%64])
			sum /= 64
		}
	}
	return string(b)
}

func (c *Channel) find(name string) *person {
	for _, p := range c.people {
		if strings.EqualFold(p.name, name) {
			return p
		}
	}
	return nil
}

// Join lets a registered user into the channel.
func (c *Channel) Join(name string) error { return c.JoinAs(name, 1) }

// JoinGuest lets a guest into the channel.
func (c *Channel) JoinGuest(name string) error { return c.JoinAs(name, 0) }

// JoinAs lets somebody of the given rank into the channel.
func (c *Channel) JoinAs(name string, rank float64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !userName.MatchString(name) {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	if c.find(name) != nil {
		return fmt.Errorf("%w: %s", ErrPresent, name)
	}
	c.enter(&person{name: name, rank: rank})
	return nil
}

// enter adds a person and tells everybody.
func (c *Channel) enter(p *person) {
	p.mute = c.muted[strings.ToLower(p.name)]
	c.people = append(c.people, p)
	c.announceArrival(p)
	c.countChanged()
}

// announceArrival tells those inside, apart from the person, who has come. The
// channel rank of a registered user follows, as on a real server.
func (c *Channel) announceArrival(p *person) {
	c.count(func(l *Ledger) { l.JoinsByUser[p.name]++ })
	shown := *p
	shown.rank = min(p.rank, 1)
	for _, v := range c.visitors {
		if v.inside && v.person != p {
			v.emit("addUser", shown.json(v.rank()))
			if v.rank() >= moderator {
				v.emit("chatMsg", c.notice(fmt.Sprintf("%s joined (aliases: %s)", p.name, p.name)))
			}
			if p.rank > 0 {
				v.emit("setUserRank", userRank{p.name, p.rank})
			}
		}
	}
}

type userRank struct {
	Name string  `json:"name"`
	Rank float64 `json:"rank"`
}

// Leave takes somebody out of the channel. A client is disconnected.
func (c *Channel) Leave(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.find(name)
	if p == nil {
		return fmt.Errorf("%w: %s", ErrAbsent, name)
	}
	if p.v != nil {
		v := p.v
		v.vanish()
		v.end()
		return nil
	}
	c.exit(p)
	return nil
}

// exit takes a person off the list and tells the others.
func (c *Channel) exit(p *person) {
	i := slices.Index(c.people, p)
	if i < 0 {
		return
	}
	c.people = slices.Delete(c.people, i, i+1)
	c.count(func(l *Ledger) { l.Leaves++ })
	for _, v := range c.visitors {
		if v.inside && v.person != p {
			v.emit("userLeave", nameOnly{p.name})
		}
	}
	if strings.EqualFold(c.leader, p.name) {
		c.leader = ""
		c.send("setLeader", "")
	}
	c.sendVoteskip()
	c.dropVote(p.name)
	c.countChanged()
}

type nameOnly struct {
	Name string `json:"name"`
}

// SetAnonymous sets how many people without a name are in the channel, besides
// clients.
func (c *Channel) SetAnonymous(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.anonymous = max(n, 0)
	c.countChanged()
}

// SetAFK marks somebody as away, or as back.
func (c *Channel) SetAFK(name string, afk bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.find(name)
	if p == nil {
		return fmt.Errorf("%w: %s", ErrAbsent, name)
	}
	c.setAFK(p, afk)
	return nil
}

func (c *Channel) setAFK(p *person, afk bool) {
	if p.afk == afk {
		return
	}
	p.afk = afk
	c.count(func(l *Ledger) { l.AFKChanges++ })
	c.sendMeta(p, anonymousRank)
	c.send("setAFK", struct {
		Name string `json:"name"`
		AFK  bool   `json:"afk"`
	}{p.name, afk})
	c.sendVoteskip()
}

// sendMeta tells clients of at least the given rank how somebody is.
func (c *Channel) sendMeta(p *person, least float64) {
	for _, v := range c.visitors {
		if v.inside && v.rank() >= least {
			v.emit("setUserMeta", struct {
				Name string `json:"name"`
				Meta any    `json:"meta"`
			}{p.name, p.meta(v.rank())})
		}
	}
}

// Mute silences somebody; shadow does it without their knowledge. It holds when
// they come again.
func (c *Channel) Mute(name string, shadow bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.find(name)
	if p == nil {
		return fmt.Errorf("%w: %s", ErrAbsent, name)
	}
	kind := muted
	if shadow {
		kind = shadowMuted
	}
	c.setMute(p, kind)
	return nil
}

// Unmute ends both sorts of Mute.
func (c *Channel) Unmute(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.find(name)
	if p == nil {
		return fmt.Errorf("%w: %s", ErrAbsent, name)
	}
	c.setMute(p, unmuted)
	return nil
}

// setMute mutes somebody. Of a shadow mute only those hear who may mute.
func (c *Channel) setMute(p *person, kind muteKind) {
	p.mute = kind
	c.muted[strings.ToLower(p.name)] = kind
	least := anonymousRank
	if kind == shadowMuted {
		least = c.permission["mute"]
	}
	c.sendMeta(p, least)
}

// SetRank changes somebody's rank.
func (c *Channel) SetRank(name string, rank float64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.find(name)
	if p == nil {
		return fmt.Errorf("%w: %s", ErrAbsent, name)
	}
	before := p.rank
	p.rank = rank
	c.ranks[strings.ToLower(p.name)] = rank
	if p.v != nil {
		if (before < moderator) != (rank < moderator) {
			p.v.emit("userlist", c.userlist(rank))
		}
		p.v.emit("rank", rank)
	}
	c.send("setUserRank", userRank{p.name, rank})
	return nil
}

// SetLeader makes somebody leader; "" is nobody.
func (c *Channel) SetLeader(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leader = name
	c.send("setLeader", name)
}

// SetProfile changes somebody's profile.
func (c *Channel) SetProfile(name, image, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.send("setUserProfile", struct {
		Name    string      `json:"name"`
		Profile profileJSON `json:"profile"`
	}{name, profileJSON{image, text}})
}

// Kick throws somebody out. A client's WebSocket stays open, as on a real server.
func (c *Channel) Kick(name, reason string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kick(name, reason)
}

func (c *Channel) kick(name, reason string) error {
	p := c.find(name)
	if p == nil {
		return fmt.Errorf("%w: %s", ErrAbsent, name)
	}
	v := p.v
	if v != nil {
		v.throwOut(reason)
	}
	c.exit(p)
	return nil
}

// Ban throws somebody out for good, whether they are in the channel or not.
func (c *Channel) Ban(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ban(name)
}

func (c *Channel) ban(name string) {
	c.banned[strings.ToLower(name)] = true
	_ = c.kick(name, "You're banned!") // only those present can be thrown out
}

// Unban lets somebody in again.
func (c *Channel) Unban(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.banned, strings.ToLower(name))
}

// DuplicateLogin has the account of a client join a second time, from elsewhere:
// the client is thrown out.
func (c *Channel) DuplicateLogin(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.find(name)
	if p == nil {
		return fmt.Errorf("%w: %s", ErrAbsent, name)
	}
	again := &person{name: p.name, rank: p.rank}
	if err := c.kick(name, "Duplicate login"); err != nil {
		return err
	}
	c.enter(again)
	return nil
}

// Unload shuts the channel down as an administrator does, with the reason given,
// such as "Channel shutting down": every client is thrown out.
func (c *Channel) Unload(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range c.visitors {
		if v.inside {
			p := v.person
			v.throwOut(reason)
			if p != nil {
				c.exit(p)
			}
		}
	}
	c.leader, c.drinks = "", 0
}

// Users returns the names of those logged in, in order of arrival.
func (c *Channel) Users() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make([]string, len(c.people))
	for i, p := range c.people {
		names[i] = p.name
	}
	return names
}

// UserCount is the number of all connections, as the channel shows it.
func (c *Channel) UserCount() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.connections()
}

func (c *Channel) connections() int {
	n := c.anonymous
	for _, p := range c.people {
		if p.v == nil {
			n++
		}
	}
	for _, v := range c.visitors {
		if v.inside {
			n++
		}
	}
	return n
}

// countChanged sends the number of connections: at most once in a while, and
// then late.
func (c *Channel) countChanged() {
	if c.closed || c.countTimer != nil {
		return
	}
	wait := max(c.cfg.UserCountEvery-time.Since(c.countSent), 0)
	if wait == 0 {
		c.sendCount()
		return
	}
	c.countTimer = time.AfterFunc(wait, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.countTimer = nil
		if !c.closed {
			c.sendCount()
		}
	})
}

func (c *Channel) sendCount() {
	c.countSent = time.Now()
	n := c.connections()
	c.count(func(l *Ledger) { l.MaxConnected = max(l.MaxConnected, n) })
	c.send("usercount", n)
}

func (c *Channel) userlist(rank float64) []userJSON {
	list := make([]userJSON, len(c.people))
	for i, p := range c.people {
		list[i] = p.json(rank)
	}
	return list
}

// sendVoteskip tells how many votes it would take to skip what plays.
func (c *Channel) sendVoteskip() {
	if c.playlist.current == nil {
		return
	}
	here := 0
	for _, p := range c.people {
		if !p.afk {
			here++
		}
	}
	c.send("voteskip", voteskip{0, int(math.Ceil(float64(here) / 2))})
}

type voteskip struct {
	Count int `json:"count"`
	Need  int `json:"need"`
}
