package netsuitesim

import (
	"regexp"
	"slices"
	"strings"
)

// maxArguments is how many values one IN may list.
const maxArguments = 1000

// lexeme matches one token of SuiteQL: text, quoted name, comment, word,
// number, operator.
var lexeme = regexp.MustCompile(`(?s)'(?:[^']|'')*'|"[^"]*"|--[^\n]*|/\*.*?\*/|[A-Za-z_][A-Za-z0-9_$#]*|[0-9]+(?:\.[0-9]+)?|<=|>=|<>|!=|\|\||\S`)

// renamed are the functions and words that SQLite spells differently.
var renamed = map[string]string{
	"LOWER": "ns_lower", "UPPER": "ns_upper", "NVL": "ifnull", "SYSDATE": "CURRENT_TIMESTAMP", "MINUS": "EXCEPT",
	"TO_CHAR": "ns_to_char", "TO_DATE": "ns_to_date", "TO_TIMESTAMP": "ns_to_date", "TO_NUMBER": "ns_to_number",
	"TRANSACTION": `"transaction"`,
}

// dateColumns may not be compared with a bare literal.
var dateColumns = []string{"TRANDATE", "LASTMODIFIEDDATE", "CREATEDDATE", "DATECREATED", "SHIPDATE"}

// isoDate is the start of a literal that looks like a date.
var isoDate = regexp.MustCompile(`^'[0-9]{4}-[0-9]{2}-[0-9]{2}`)

// translation is a statement on its way from SuiteQL to SQLite.
type translation struct {
	in     []string
	out    []string
	at     int
	window bool // the statement limits itself with FETCH
}

// translate turns a SuiteQL statement into one of SQLite. It refuses what
// SuiteQL refuses: other statements than SELECT, WITH, LIMIT, brackets, bare
// date literals, more than 1000 values in one IN.
func translate(q string) (*translation, error) {
	t := &translation{}
	for _, token := range lexeme.FindAllString(q, -1) {
		if !strings.HasPrefix(token, "--") && !strings.HasPrefix(token, "/*") {
			t.in = append(t.in, token)
		}
	}
	if len(t.in) == 0 || t.word(0) != "SELECT" {
		return nil, badFilter("Invalid or unsupported search. Only SELECT statements are supported.")
	}
	for t.at < len(t.in) {
		if err := t.step(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *translation) sql() string { return strings.Join(t.out, " ") }

// word is the upper-case token i places ahead, "" beyond the end.
func (t *translation) word(i int) string {
	if t.at+i < 0 || t.at+i >= len(t.in) {
		return ""
	}
	return strings.ToUpper(t.in[t.at+i])
}

func (t *translation) emit(tokens ...string) { t.out = append(t.out, tokens...) }

func (t *translation) step() error {
	word := t.word(0)
	switch {
	case slices.Contains([]string{"LIMIT", "WITH", "PRAGMA", "ATTACH", "[", "]", ";"}, word) || strings.HasPrefix(word, "SQLITE_"):
		return badFilter("Invalid or unsupported search. Unexpected '%s'.", t.in[t.at])
	case word == "BUILTIN" && t.word(1) == ".":
		return t.builtin()
	case word == "FETCH" || (word == "OFFSET" && strings.HasPrefix(t.word(2), "ROW")):
		return t.fetch()
	case word == "IN" && t.word(1) == "(":
		if t.arguments() > maxArguments {
			return badFilter("The maximum number of arguments in an IN condition is %d.", maxArguments)
		}
	case isoDate.MatchString(word) && t.comparedDate():
		return badFilter("Invalid or unsupported search. Date literals are not supported, use TO_DATE or TO_TIMESTAMP.")
	}
	t.emit(or(renamed[word], t.in[t.at]))
	t.at++
	return nil
}

// comparedDate says whether the literal here stands beside a date column.
func (t *translation) comparedDate() bool {
	return slices.Contains(dateColumns, t.word(-2)) && slices.Contains([]string{"=", "<", ">", "<=", ">=", "<>", "!="}, t.word(-1))
}

// arguments counts the values of the list that follows.
func (t *translation) arguments() int {
	depth, count := 0, 1
	for i := t.at + 1; i < len(t.in); i++ {
		switch t.in[i] {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return count
			}
		case ",":
			if depth == 1 {
				count++
			}
		}
	}
	return count
}

// builtin rewrites BUILTIN.DF(t.status), the display name of a column, and
// BUILTIN.CF(t.status), its compound code, to the columns that hold them.
func (t *translation) builtin() error {
	name := t.word(2)
	end := slices.Index(t.in[t.at:], ")")
	if (name != "DF" && name != "CF") || t.word(3) != "(" || end < 0 {
		return badFilter("Invalid or unsupported search. Unknown function BUILTIN.%s.", name)
	}
	inner := t.in[t.at+4 : t.at+end]
	if len(inner) != 1 && (len(inner) != 3 || inner[1] != ".") {
		return badFilter("BUILTIN.%s takes one column.", name)
	}
	column := strings.ToLower(inner[len(inner)-1])
	if slices.Contains(displayed, column) && (name == "DF" || column == "status") {
		column += "__" + strings.ToLower(name)
		t.emit("+") // makes it an expression, so that only SELECT * sees the hidden name
	}
	if len(inner) == 3 {
		alias := or(renamed[strings.ToUpper(inner[0])], inner[0])
		t.emit(alias, ".")
	}
	t.emit(column)
	t.at += end + 1
	return nil
}

// fetch rewrites [OFFSET m ROWS] FETCH FIRST|NEXT n ROWS ONLY to LIMIT.
func (t *translation) fetch() error {
	offset := ""
	if t.word(0) == "OFFSET" {
		offset = t.in[t.at+1]
		t.at += 3
	}
	ok := t.word(0) == "FETCH" && (t.word(1) == "FIRST" || t.word(1) == "NEXT") &&
		(t.word(3) == "ROWS" || t.word(3) == "ROW") && t.word(4) == "ONLY"
	if !ok {
		return badFilter("Invalid or unsupported search. Expected FETCH FIRST n ROWS ONLY.")
	}
	t.emit("LIMIT", t.in[t.at+2])
	if offset != "" {
		t.emit("OFFSET", offset)
	}
	t.window = true
	t.at += 5
	return nil
}
