package endtoend

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rosey/bot/cytube/cytubetest"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// The page's configuration makes a cluster, its commands work there in their order,
// and a server that has lost its copy is given another as the page says. Only
// addresses and folders are put in.
func TestCluster_ThePageAsItIs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/cluster.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	block := func(kind string) (lines []string) {
		for _, b := range regexp.MustCompile("(?s)```"+kind+"\n(.*?)```").FindAllStringSubmatch(page, -1) {
			lines = append(lines, strings.Split(strings.TrimSpace(b[1]), "\n")...)
		}
		return lines
	}

	var places []streamstest.Place // each server's own
	cluster := streamstest.NewClusterOf(t, func(own streamstest.Place, all []streamstest.Place) string {
		places = append(places, own)
		put := []string{
			"server_name: n1", "server_name: " + own.Name,
			`listen: "10.0.0.1:4222"`, fmt.Sprintf("listen: %q", own.Client),
			`http: "10.0.0.1:8222"`, fmt.Sprintf("http: %q", own.Monitor),
			`listen: "10.0.0.1:6222"`, fmt.Sprintf("listen: %q", own.Routes),
			"/var/lib/nats", own.Dir,
		}
		for i, p := range all {
			put = append(put, fmt.Sprintf("10.0.0.%d:6222", i+1), p.Routes)
		}
		return strings.NewReplacer(put...).Replace(strings.Join(block("conf"), "\n"))
	})
	channel, err := cytubetest.NewChannel(cytubetest.ChannelConfig{Name: "cluster"})
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	dir := t.TempDir()
	for name, secret := range map[string]string{"nats-password": "CHANGE-ME", "password": "secret"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put := []string{"/etc/rosey", dir, "/var/lib/rosey", filepath.Join(dir, "data"), "https://cytu.be/r/YOURCHANNEL", channel.PageURL()}
	for i, p := range places {
		put = append(put, fmt.Sprintf("10.0.0.%d:4222", i+1), p.Client, fmt.Sprintf("10.0.0.%d:8222", i+1), p.Monitor)
	}

	healthy := func(what string) {
		until(t, what, func() bool { return cluster.Healthy(t.Context()) == nil })
	}
	healthy("the servers find each other")
	var env, ran []string
	for _, line := range block("sh") {
		words := strings.Fields(strings.NewReplacer(put...).Replace(line))
		switch words[0] {
		case "export":
			env = append(env, words[1])
			continue
		case "curl":
			healthy("all servers are healthy")
			if got := strings.TrimSpace(string(get(t, words[1]))); got != `{"status":"ok"}` {
				t.Errorf("%s answers %s", words[1], got)
			}
			continue
		}
		ran = append(ran, words[1])
		p := startWith(t, env, words[1:]...)
		switch words[1] {
		case "bot":
			until(t, "the bot records", func() bool { return channel.Clients() > 0 && held(t, places) > 0 })
			p.stop()
			continue
		case "projector":
			until(t, "the tables have caught up", func() bool {
				n := held(t, places)
				return n > 0 && checkpoint(t, filepath.Join(dir, "data")) == int64(n)
			})
			p.stop()
			continue
		}
		if code := p.wait(); code != 0 {
			t.Errorf("rosey %s: exit code %d\n%s", strings.Join(words[1:], " "), code, p.out.String()+p.err.String())
		}
	}
	if want := []string{"stream", "stream", "bot", "projector", "stream", "doctor"}; !slices.Equal(ran, want) {
		t.Errorf("the page runs %v, want %v", ran, want)
	}

	gone := regexp.MustCompile(`rm -r '/var/lib/nats(.*)'`).FindStringSubmatch(page)
	for i, lost := range []string{gone[1], "jetstream"} { // the stream alone, and a whole disk
		own := places[i]
		lost = filepath.Join(own.Dir, lost)
		if _, err := os.Stat(lost); err != nil {
			t.Fatal(err)
		}
		server := cluster.Server(own.Name)
		server.Stop()
		if err := os.RemoveAll(lost); err != nil {
			t.Fatal(err)
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, "the others have given it its copy", func() bool {
			messages := holds(t, own.Monitor)
			return messages > 0 && messages == holds(t, places[2].Monitor)
		})
		healthy("all servers are healthy again")
	}
}

// held is how many messages of the stream each server has itself, 0 where they differ.
func held(t *testing.T, places []streamstest.Place) (messages uint64) {
	t.Helper()
	messages = holds(t, places[0].Monitor)
	for _, p := range places[1:] {
		if holds(t, p.Monitor) != messages {
			return 0
		}
	}
	return messages
}

// holds is how many messages of the stream a server has itself.
func holds(t *testing.T, monitor string) (messages uint64) {
	t.Helper()
	var all struct {
		Accounts []struct {
			Streams []struct {
				Name  string `json:"name"`
				State struct {
					Messages uint64 `json:"messages"`
				} `json:"state"`
			} `json:"stream_detail"`
		} `json:"account_details"`
	}
	if err := json.Unmarshal(get(t, "http://"+monitor+"/jsz?streams=1"), &all); err != nil {
		t.Fatal(err)
	}
	for _, account := range all.Accounts {
		for _, s := range account.Streams {
			if s.Name == streams.StreamName {
				messages = s.State.Messages
			}
		}
	}
	return messages
}

// get reads a page.
func get(t *testing.T, url string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
