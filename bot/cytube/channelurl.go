package cytube

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

var channelName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,30}$`)

const channelURLExample = "https://cytu.be/r/yourchannel"

// ParseChannelURL splits the address of a channel's page, such as
// https://cytu.be/r/yourchannel, into the site and the channel's name. Sites
// that use /c/ in place of /r/ are understood too.
func ParseChannelURL(s string) (server, channel string, err error) {
	bad := func(format string, args ...any) (string, string, error) {
		return "", "", fmt.Errorf("channel address %q: %s; it should look like %s", s, fmt.Sprintf(format, args...), channelURLExample)
	}
	s = strings.TrimSpace(s)
	if s == "" {
		return bad("is empty")
	}
	if !strings.Contains(s, "://") {
		return bad("has no https:// in front")
	}
	u, err := url.Parse(s)
	if err != nil {
		return bad("is not a web address")
	}
	if u.User != nil {
		// Not quoted: it may hold a password.
		return "", "", fmt.Errorf("channel address: leave out the user name and password; it should look like %s", channelURLExample)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return bad("starts with %s://, not https:// or http://", u.Scheme)
	}
	if u.Hostname() == "" {
		return bad("names no site")
	}
	prefix, name, ok := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if !ok || (prefix != "r" && prefix != "c") {
		return bad("has no /r/ followed by the channel's name")
	}
	if !channelName.MatchString(name) {
		return bad("%q is no channel name (1 to 30 of A-Z a-z 0-9 _ -)", name)
	}
	return u.Scheme + "://" + u.Host, name, nil
}
