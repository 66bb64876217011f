package cytubetest

import "strings"

const (
	hostName      = "the_projectionist"
	moderatorName = "mod_marlow"
)

// cast are the people of an evening. The first twelve open it; among them are
// names that are words of programming languages.
var cast = []character{
	{hostName, 4},
	{moderatorName, 2},
	{"null", 1},
	{"__proto__", 1},
	{"-", 1},
	{"MixedCase", 1},
	{"constructor", 1},
	{"0", 1},
	{"night_owl", 1},
	{"Guest_of_Honour", 0},
	{"undefined", 1},
	{"twenty_letters_long_", 1},
	{"pepperpot", 1},
	{"Celluloid", 1},
	{"sofa_king", 1},
	{"wombat", 1},
	{"reelhappy", 1},
	{"Quince", 1},
	{"lady_grey", 1},
	{"tuba-player", 1},
	{"Zeppelin9", 1},
	{"crumpet", 1},
	{"B-Movie-Bob", 1},
	{"hexagon", 1},
	{"marzipan", 1},
	{"OldNick", 1},
	{"popcorn_ghost", 0},
	{"sleepy_jean", 1},
	{"Vanilla", 1},
	{"static", 1},
	{"door_dog", 1},
	{"Umbrella", 1},
	{"fig", 1},
	{"passer-by", 0},
	{"haiku_hank", 1},
	{"true", 1},
	{"Moth", 1},
	{"lanternjaw", 1},
	{"NaN", 1},
	{"kettle", 1},
}

// awkward are texts that trip programs up.
var awkward = []string{
	"null", "undefined", "true", "0", "-1", "NaN", "{}", "[]", `""`,
	`<script>alert("hi")</script>`, "<b>bold?</b> <img src=x onerror=alert(1)>",
	"&amp; is an entity already, &lt;so is this&gt; &#39;", "5 > 3 && 2 < 4",
	"🎬🍿 film night 👩‍👩‍👧‍👦 🏳️‍🌈", "ünïcödé, Ελληνικά, עברית, العربية, 日本語",
	"a\x01b\x02c\x1fd", "tab\there and\nnew line", "nul \x00 in the middle",
	"'; DROP TABLE users; --", `back\slash "quotes" and 'apostrophes'`,
	"   spaces around   ", "%s %d %n 100%", "${jndi:ldap://example.com/x}", "{{ template }}",
	"https://example.com/watch?a=1&b=2#frag and text", "combining: e\u0301 a\u0308 Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢", "line\u2028separator\u2029here",
	">implying this is green", "/me bows", "/nosuchcommand at all", "\u202Eright to left", "zero\u200Bwidth",
	strings.Repeat("long ", 63) + "🦒🦒🦒", strings.Repeat("a", 319) + "🦒", "#1 @you =SUM(A1:A9)",
}

var (
	hellos        = []string{"hello all", "evening!", "hi everyone", "hey hey", "o/", "good evening, what did I miss?", "made it"}
	greetings     = []string{"hi %s", "hello %s!", "%s! good to see you", "welcome back, %s", "evening %s", "o/ %s"}
	farewells     = []string{"good night all", "bye!", "early start tomorrow, have fun", "off to bed", "that is me for tonight"}
	emotes        = []string{":kappa:", "🍿", "😂", "<3", ":popcorn:", "🙈", "👏👏", "(╯°□°)╯"}
	reactions     = []string{"lol", "ha!", "what", "noooo", "wow", "same", "true", "classic", "oh no", "yes!!", "hmm", "???", "ahahaha", "+1", "no way", "brilliant"}
	subjects      = []string{"the dog", "that hat", "the butler", "this soundtrack", "the moustache", "the model work", "the sub-plot", "his accent", "the train", "the second reel"}
	adjectives    = []string{"magnificent", "a bit much", "underrated", "criminally slow", "my favourite part", "surely a mistake", "better than I remember", "haunting", "very 1958"}
	announcements = []string{"this one is a treat", "lights down, please", "here we go", "next up", "do not spoil it", "I have waited all week for this"}
	remarks       = []string{"%s is %s", "I think %s is %s", "say what you like, %s is %s", "am I alone, or is %s %s?", "%s: %s"}
	motds         = []string{
		"<h2>Tonight: a double feature</h2> doors at eight", "<b>No spoilers</b> &amp; be kind",
		"Vote for the second film <i>now</i>", "Thanks to everybody who brought <a href=\"https://example.com/snacks\">snacks</a>",
	}
)

var lines = []string{
	"did anyone see where he put the key?", "the lighting in this scene is something else", "my stream froze, what happened?",
	"wait, is that the same actor?", "I could watch this street for an hour", "he is so going to fall into that lake",
	"nobody ever locks a door in these films", "I have seen this four times and still jump", "who wrote this dialogue",
	"the book ends differently", "more tea, anyone?", "brb, kettle", "back", "I missed the first ten minutes, is she the sister?",
	"they do not make trailers like this any more", "the sound is a bit low here", "is it just me or is it out of sync?",
	"refresh helped, thanks", "that set cost all of forty pounds", "the cat is the best actor so far", "do not go in there",
	"he went in there", "of course he did", "what year is this from?", "1936, I think", "looks later than that",
	"the restored print is gorgeous", "this is the scene with the mirror", "quiet, this is the good bit", "goosebumps",
	"can we do the one with the lighthouse next week?", "I vote for a musical", "please no musical", "pizza is here",
	"what are you all drinking?", "cocoa, naturally", "that is not how elevators work", "physics was different back then",
	"the extras are having the time of their lives", "someone made that hat by hand", "this director never met a fog machine he did not like",
	"I know that corridor, it is in every film of theirs", "plot twist: it was the gardener", "it is always the gardener",
	"two words: stunt horse", "my grandmother saw this at the cinema", "rewind in my head", "that kiss lasted a whole reel",
	"subtitles say 'ominous whistling'", "ominous whistling intensifies", "I would have run at the first whistle",
}

var films = []Media{
	{ID: "demo-01", Title: "The Lamplighter's Holiday (1931)", Seconds: 4210},
	{ID: "demo-02", Title: "Attack of the <Paper> Moths & Other Stories", Seconds: 3350},
	{ID: "demo-03", Title: "Nine Umbrellas — restored 🎞️", Seconds: 5120},
	{ID: "demo-04", Title: "\"Who Buttered the Stairs?\"", Seconds: 2875},
	{ID: "demo-05", Title: "Свет в тоннеле", Seconds: 4440},
	{ID: "demo-06", Title: "Live from the Roof Garden", Type: "tw"},
	{ID: "demo-07", Title: "A Train for Mr. O'Hara", Seconds: 3900},
	{ID: "demo-08", Title: "The Second Reel Is Missing", Seconds: 3605},
	{ID: "demo-09", Title: "夜の図書館", Seconds: 4700},
	{ID: "demo-10", Title: "Cartoon: Seven Ducks, One Pond", Seconds: 420},
	{ID: "demo-11", Title: "Interval: please visit the kiosk", Seconds: 180, Type: "cm"},
	{ID: "demo-12", Title: "Beyond the Velvet Rope 2: The Rope", Seconds: 5400},
}

var polls = []struct {
	title   string
	options []string
}{
	{"Second film?", []string{"The moths", "The umbrellas", "Surprise us"}},
	{"Best snack & why <obvious>?", []string{"Popcorn", "Olives (green)", "\"Nothing\""}},
	{"Start earlier next week?", []string{"Yes", "No", "What week?"}},
	{"Who did it?", []string{"The gardener", "The butler", "The audience"}},
	{"Subtitles?", []string{"On", "Off", "Only for the whistling"}},
}
