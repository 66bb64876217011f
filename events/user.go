package events

// User is one entry of a roster.
type User struct {
	Username string
	Rank     float64
	AFK      bool
}

func (u *User) fields(c *coder) {
	c.name("username", &u.Username, "name")
	c.float("rank", &u.Rank)
	c.boolean("afk", &u.AFK, "is_afk")
}

// UserJoined says that somebody logged in to the channel.
type UserJoined struct{ User }

// UserLeft says that a logged-in user left, for whatever reason.
type UserLeft struct{ Username string }

func (p *UserLeft) fields(c *coder) { c.name("username", &p.Username) }

// UserRoster lists everybody who is logged in to the channel.
type UserRoster struct{ Users []User }

func (p *UserRoster) fields(c *coder) { list(c, "users", &p.Users) }

// UserUpdated says what changed about a user. A nil field did not change.
type UserUpdated struct {
	Username     string
	Rank         *float64
	AFK          *bool
	Muted        *bool
	ShadowMuted  *bool
	ProfileImage *string
	ProfileText  *string
}

func (p *UserUpdated) fields(c *coder) {
	c.name("username", &p.Username)
	c.optFloat("rank", &p.Rank)
	c.optBool("afk", &p.AFK, "is_afk")
	c.optBool("muted", &p.Muted)
	c.optBool("shadow_muted", &p.ShadowMuted)
	c.optStr("profile_image", &p.ProfileImage)
	c.optStr("profile_text", &p.ProfileText)
}
