package bot

import (
	"strings"

	"rosey/events"
)

// fold is a name as it is compared: users differ by more than case.
func fold(name string) string { return strings.ToLower(name) }

// isBot reports whether a name is the bot's own.
func (s *session) isBot(name string) bool { return s.name != "" && strings.EqualFold(s.name, name) }

type wireUser struct {
	Name *string  `json:"name"`
	Rank *float64 `json:"rank"`
	Meta struct {
		AFK bool `json:"afk"`
	} `json:"meta"`
}

func (w wireUser) user() (events.User, error) {
	if w.Name == nil || *w.Name == "" || w.Rank == nil {
		return events.User{}, errShape
	}
	return events.User{Username: *w.Name, Rank: *w.Rank, AFK: w.Meta.AFK}, nil
}

func readUserList(t *Translator, f *frame) (events.Payload, error) {
	list, err := argument[[]wireUser](f)
	if err != nil {
		return nil, err
	}
	users := make([]events.User, len(list))
	members := make(map[string]events.User, len(list))
	for i, w := range list {
		if users[i], err = w.user(); err != nil {
			return nil, err
		}
		members[fold(users[i].Username)] = users[i]
	}
	t.session.users = members
	return &events.UserRoster{Users: users}, nil
}

func readAddUser(t *Translator, f *frame) (events.Payload, error) {
	w, err := argument[wireUser](f)
	if err != nil {
		return nil, err
	}
	u, err := w.user()
	if err != nil {
		return nil, err
	}
	if t.session.users == nil {
		t.session.users = make(map[string]events.User)
	}
	t.session.users[fold(u.Username)] = u
	return &events.UserJoined{User: u}, nil
}

// wireNamed is what all events about one user have in common.
type wireNamed struct {
	Name *string  `json:"name"`
	Rank *float64 `json:"rank"`
	AFK  *bool    `json:"afk"`
	Meta *struct {
		AFK    *bool `json:"afk"`
		Muted  *bool `json:"muted"`
		SMuted *bool `json:"smuted"`
	} `json:"meta"`
	Profile *struct {
		Image *string `json:"image"`
		Text  *string `json:"text"`
	} `json:"profile"`
}

func readNamed(f *frame) (wireNamed, error) {
	w, err := argument[wireNamed](f)
	if err != nil || w.Name == nil {
		return wireNamed{}, errShape
	}
	if *w.Name == "" {
		// The status of anonymous sockets is told too; they are in no list.
		return wireNamed{}, errNoUser
	}
	return w, nil
}

func readUserLeave(t *Translator, f *frame) (events.Payload, error) {
	w, err := readNamed(f)
	if err != nil {
		return nil, err
	}
	delete(t.session.users, fold(*w.Name))
	return &events.UserLeft{Username: *w.Name}, nil
}

// update changes somebody who is there; events also name people who are not.
func (s *session) update(name string, change func(*events.User)) {
	if m, ok := s.users[fold(name)]; ok {
		change(&m)
		s.users[fold(name)] = m
	}
}

func readSetAFK(t *Translator, f *frame) (events.Payload, error) {
	w, err := readNamed(f)
	if err != nil {
		return nil, err
	}
	if w.AFK == nil {
		return nil, errShape
	}
	t.session.update(*w.Name, func(m *events.User) { m.AFK = *w.AFK })
	return &events.UserUpdated{Username: *w.Name, AFK: w.AFK}, nil
}

func readSetUserMeta(t *Translator, f *frame) (events.Payload, error) {
	w, err := readNamed(f)
	if err != nil {
		return nil, err
	}
	if w.Meta == nil {
		return nil, errShape
	}
	if w.Meta.AFK != nil {
		t.session.update(*w.Name, func(m *events.User) { m.AFK = *w.Meta.AFK })
	}
	return &events.UserUpdated{Username: *w.Name, AFK: w.Meta.AFK, Muted: w.Meta.Muted, ShadowMuted: w.Meta.SMuted}, nil
}

func readSetUserRank(t *Translator, f *frame) (events.Payload, error) {
	w, err := readNamed(f)
	if err != nil {
		return nil, err
	}
	if w.Rank == nil {
		return nil, errShape
	}
	t.session.update(*w.Name, func(m *events.User) { m.Rank = *w.Rank })
	if t.session.isBot(*w.Name) {
		t.session.rank = w.Rank
	}
	return &events.UserUpdated{Username: *w.Name, Rank: w.Rank}, nil
}

func readSetUserProfile(_ *Translator, f *frame) (events.Payload, error) {
	w, err := readNamed(f)
	if err != nil {
		return nil, err
	}
	if w.Profile == nil {
		return nil, errShape
	}
	return &events.UserUpdated{Username: *w.Name, ProfileImage: w.Profile.Image, ProfileText: w.Profile.Text}, nil
}
