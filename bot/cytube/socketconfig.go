package cytube

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// socketServer is one entry of a site's socketconfig.
type socketServer struct {
	URL    string `json:"url"`
	Secure bool   `json:"secure"`
	IPv6   bool   `json:"ipv6"`
}

const maxSocketConfig = 1 << 20

// lookUp asks the site where the channel's socket server is. It returns the
// WebSocket addresses, best first.
func lookUp(ctx context.Context, client *http.Client, server, channel string) ([]string, error) {
	address := strings.TrimRight(server, "/") + "/socketconfig/" + url.PathEscape(channel) + ".json"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("look up socket server: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("look up socket server: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxSocketConfig))
	if err != nil {
		return nil, fmt.Errorf("look up socket server: read %s: %w", address, err)
	}
	return parseSocketConfig(resp.StatusCode, body, address)
}

func parseSocketConfig(status int, body []byte, address string) ([]string, error) {
	var config struct {
		Error   string         `json:"error"`
		Servers []socketServer `json:"servers"`
	}
	err := json.Unmarshal(body, &config)
	switch {
	case err == nil && config.Error != "":
		return nil, fmt.Errorf("look up socket server: the site says: %s", clip(config.Error))
	case status != http.StatusOK:
		return nil, fmt.Errorf("look up socket server: %s answers %d %s; is this a CyTube site?", address, status, http.StatusText(status))
	case err != nil:
		return nil, fmt.Errorf("look up socket server: %s is not socketconfig JSON; is this a CyTube site?", address)
	}
	var urls []string
	for _, s := range byPreference(config.Servers) {
		if u, err := socketURL(s.URL); err == nil {
			urls = append(urls, u)
		}
	}
	if len(urls) == 0 {
		return nil, fmt.Errorf("look up socket server: %s names no usable server", address)
	}
	return urls, nil
}

// byPreference puts secure servers first, and leaves out those for IPv6 unless
// there is nothing else.
func byPreference(servers []socketServer) []socketServer {
	rank := func(s socketServer) int {
		if s.Secure {
			return 0
		}
		return 1
	}
	isIPv6 := func(s socketServer) bool { return s.IPv6 }
	usable := slices.DeleteFunc(slices.Clone(servers), isIPv6)
	if len(usable) == 0 {
		usable = slices.Clone(servers)
	}
	slices.SortStableFunc(usable, func(a, b socketServer) int { return rank(a) - rank(b) })
	return usable
}

// socketURL turns a server's address into that of its WebSocket.
func socketURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("socket server %q is no address", clip(s))
	}
	switch u.Scheme {
	case "https", "wss":
		u.Scheme = "wss"
	case "http", "ws":
		u.Scheme = "ws"
	default:
		return "", fmt.Errorf("socket server %q is neither http nor https", clip(s))
	}
	u.Path = strings.TrimRight(u.Path, "/") + "/socket.io/"
	u.RawQuery = "EIO=4&transport=websocket"
	u.Fragment = ""
	return u.String(), nil
}

// clip shortens a server's text so that it fits into a log line.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
