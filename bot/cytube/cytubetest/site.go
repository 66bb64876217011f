package cytubetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

var validChannel = regexp.MustCompile(`^[A-Za-z0-9_-]{1,30}$`)

// serveSocketConfig answers the look-up of a channel's socket server.
func serveSocketConfig(w http.ResponseWriter, r *http.Request, url string) {
	name, isJSON := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/socketconfig/"), ".json")
	if !isJSON {
		http.NotFound(w, r)
		return
	}
	status := http.StatusOK
	var answer any = map[string]any{"servers": []any{map[string]any{"url": url, "secure": false}}}
	if !validChannel.MatchString(name) {
		status = http.StatusNotFound
		answer = map[string]any{"error": fmt.Sprintf("Channel %q does not exist.", name)}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // a client that is gone needs no answer
}
