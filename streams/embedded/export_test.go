package embedded

// LinkWith has a start keep what is stored by something else than hard links.
func (c *Config) LinkWith(link func(from, to string) error) { c.link = link }

// Starting has a function called before the server object opens the store.
func (c *Config) Starting(f func()) { c.starting = f }
