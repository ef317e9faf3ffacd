"""Velocity in mapping templates: directives, values, and what bounds them.

docs/aws-behaviour.md §7.12.
"""

from __future__ import annotations

import contextlib
import json
import time
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsgate.expressions.velocity import Params, Scope, TemplateTextError, compile_template
from wsgate.expressions.velocity_values import RenderError

BODY = {
    "n": 3,
    "f": 2.5,
    "yes": True,
    "no": False,
    "nil": None,
    "text": "a-b-c",
    "list": [1, "x", {"id": 7}],
    "map": {"a": 1, "b": "two"},
    "pets": [{"id": 1, "kind": "dog"}, {"id": 2, "kind": "cat"}],
    "packed": '{"key": {"arr": [1, 2]}}',
}
PARAMS = Params({"q": "1"}, {"User-Agent": "me"})


def render(template: str, body: object = BODY) -> str:
    text = body if isinstance(body, str) else json.dumps(body)
    scope = Scope({"stage": "live", "authorizer": {"user": "ann"}}, text, {"color": "red"}, PARAMS)
    return compile_template(template).render(scope)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        # #set
        ("#set($a = 1)$a", "1"),
        ("#set ( $a='x' )${a}y", "xy"),
        ('#set($a = "is $context.stage, not $5")$a', "is live, not $5"),
        ("#set($a = '$context.stage')$a", "$context.stage"),
        ('#set($a = "she said ""hi""")$a', 'she said "hi"'),
        ("#set($a = [])$a.add(1)$a", "true[1]"),
        ("#set($a = {'k': 1})#set($a.l = 2)#set($a['m'] = 3)$a", "{k=1, l=2, m=3}"),
        ("#set($a = [1, 2])#set($a[0] = 5)$a[0]$a.get(1)", "52"),
        ("#set($a = $input.path('$.nothing'))<$a>", "<>"),
        # arithmetic, as Java does it
        ("#set($a = 1 + 2 * 3 - 4)$a", "3"),
        ("#set($a = (1 + 2) * 3)$a", "9"),
        ("#set($a = 7 / 2)#set($b = -7 / 2)$a $b", "3 -3"),
        ("#set($a = -7 % 3)$a", "-1"),
        ("#set($a = 7 / 2.0)$a", "3.5"),
        ("#set($a = 1 / 0)<$a>", "<>"),
        ("#set($a = 'x' + 1)$a", "x1"),
        ("#set($a = $input.path('$.n') + 1)$a", "4"),
        ("#set($Integer = 0)#set($a = $Integer.parseInt('41') + 1)$a", "42"),
        # #if
        ("#if(true)a#end", "a"),
        ("#if(false)a#{else}b#end", "b"),
        ("#if($input.path('$.n') == 3)a#elseif(true)b#else c#end", "a"),
        ("#if($input.path('$.n') > 3)a#elseif($input.path('$.n') >= 3)b#else c#end", "b"),
        ("#if($input.path('$.n') < 3)a#elseif(false)b#{else}c#end", "c"),
        ("#if($input.path('$.nothing'))a#{else}b#end", "b"),
        ("#if($input.path('$.nil'))a#{else}b#end", "b"),
        ("#if(!$input.path('$.no') && $input.path('$.yes'))a#end", "a"),
        ("#if(not $input.path('$.no') and (false or true))a#end", "a"),
        ("#if($input.path('$.text') eq 'a-b-c' && 1 ne 2 && 1 lt 2 && 2 ge 2)a#end", "a"),
        ("#if('')a#end", "a"),  # GUESS: only null and false are not true
        ("#if($input.path('$.n') == '3')a#end", "a"),
        ("#if($input.path('$.map') == $input.path('$.map'))a#end", "a"),
        ("#if(1)#if(false)a#{else}b#end#end", "b"),
        # #foreach
        ("#foreach($i in [1,2,3])$i#if($foreach.hasNext),#end#end", "1,2,3"),
        ("#foreach($i in [1..3])$foreach.index$foreach.count$velocityCount #end", "011 122 233 "),
        ("#foreach($i in [3..1])$i#end", "321"),
        ("#foreach($p in $input.path('$.pets'))$p.id:$p.kind;#end", "1:dog;2:cat;"),
        (
            "#foreach($k in $input.path('$.map').keySet())$k=$input.path('$.map').get($k) #end",
            "a=1 b=two ",
        ),
        ("#set($m = $input.path('$.map'))#foreach($k in $m.keySet())$k$m[$k] #end", "a1 btwo "),
        ("#foreach($e in $input.path('$.map').entrySet())$e.key:$e.value #end", "a:1 b:two "),
        ("#foreach($v in $input.path('$.map'))$v #end", "1 two "),
        ("#foreach($i in [1..9])#if($i == 3)#break#end$i#end!", "12!"),
        (
            "#foreach($i in [1..2])#foreach($j in [1..2])$foreach.parent.index$i$j #end#end",
            "011 012 121 122 ",
        ),
        ("#foreach($i in $input.path('$.nothing'))x#end", ""),
        ("#foreach($i in [1..1001])#set($last = $i)#end$last", "1000"),
        ("a#stop b", "a"),
        # comments and what is no directive
        ("a## gone\nb", "ab"),
        ("a#* gone\n#set($b = 1) *#b", "ab"),
        ("#[[ $a #set( ]]#", " $a #set( "),
        (r"\#if \$context.stage", "#if $context.stage"),
        ("#channel #1 # {#} $ $1", "#channel #1 # {#} $ $1"),
        # whole lines
        ("a\n  #set($x = 1)\nb", "a\nb"),
        ("#if(true)\na\n#end\nb", "a\nb"),
        # values
        ("$input.path('$.list')", "[1, x, {id=7}]"),
        ("$input.path('$.list[-1].id')", "7"),
        ("$input.path('$.pets[*].kind')", "[dog, cat]"),
        ("$input.path('$..id')", "[7, 1, 2]"),
        ("$input.path('$.list[0:2]')", "[1, x]"),
        ("$input.path('$.pets[?(@.kind == \"cat\")].id')", "[2]"),
        ('$input.path("$.pets[?(@.id < 2)].kind")', "[dog]"),
        ("$input.path('$.pets[?(@.id >= 9)]').size()", "0"),
        ("$input.path('$.list[?(@.id)].id')", "[7]"),
        ("$input.json('$.pets[0]')", '{"id":1,"kind":"dog"}'),
        ("$input.json('$.nothing')", "null"),
        ("$input.path('$.pets').count() $input.path('$.pets').size()", "2 2"),
        ("$input.path('$').pets[1].kind", "cat"),
        ("$input.path('$.yes') $input.path('$.f') $input.path('$.no')", "true 2.5 false"),
        ("$util.parseJson($input.path('$.packed')).key.arr[0]", "1"),
        (
            "#set($o = $util.parseJson($input.path('$.packed')))$o.key.arr[1]",
            "2",
        ),
        ("$input.params('q') $input.params('user-agent') <$input.params('x')>", "1 me <>"),
        ("$input.params().querystring.q $input.params('header')['User-Agent']", "1 me"),
        ("$stageVariables['color'] ${stageVariables.color} <$stageVariables.none>", "red red <>"),
        ("$context.authorizer.user.length() $context.stage.toUpperCase()", "3 LIVE"),
        ("<$context.error.message><$!context.error.validationErrorString>", "<><>"),
        # methods
        ("$input.path('$.text').split('-').size()", "3"),
        ("$input.path('$.text').replaceAll('[a-c]', 'x')", "x-x-x"),
        ("$input.path('$.text').replaceAll('(a)-', '$1$1')", "aab-c"),
        ("$input.path('$.text').replace('-', '.')", "a.b.c"),
        (r"""$util.escapeJavaScript("it's").replaceAll("\\'","'")""", "it's"),
        ("$input.path('$.text').substring(2).substring(0,1)", "b"),
        ("#if($input.path('$.text').matches('[a-z-]+'))a#end", "a"),
        ("$input.path('$.text').contains('b-') $input.path('$.text').indexOf('c')", "true 4"),
        ("$input.path('$.map').containsKey('a') $input.path('$.list').contains('x')", "true true"),
        ("$input.path('$.list').isEmpty() $input.path('$.list').empty", "false false"),
        ("<$input.path('$.n').nothing()>", "<>"),
        ("$input.body.length()", str(len(json.dumps(BODY)))),
    ],
)
def test_a_template_renders(template: str, text: str) -> None:
    assert render(template) == text


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("#set($a)", "'='"),
        ("#set(a = 1)", "no variable"),
        ("#set($context = 1)", "$context"),
        ("#set($a = )", "no value"),
        ("#set($a = 'x)", "closing quote"),
        ("#if(true)a", "no #end"),
        ("#if true", "'('"),
        ("a#end", "without its beginning"),
        ("#else", "without its beginning"),
        ("#foreach($a of [1])#end", "#foreach"),
        ("#foreach($a in [1])", "no #end"),
        ("#macro(x)#end", "'#macro'"),
        ("#parse('x')", "'#parse'"),
        ("#include('x')", "'#include'"),
        ("#evaluate($input.body)", "'#evaluate'"),
        ("#define($x)#end", "'#define'"),
        ("$name", "$name"),
        ('#set($a = "$name")', "$name"),
        ("a\nb $context.nope", "in its line 2, uses '$context.nope'"),
        ("$input.path('$.a[?(@.b =~ /x/)]')", "not known"),
        ("$input.path('$.a[?(@.b == x)]')", "nothing that a path can compare with"),
        ("$input.path('$.a[?(@b)]')", "not known"),
        ("$input.path('$.a[?(@..b)]')", "must find one"),
        ("$input.path('$a')", "not known"),
        ("$input.text", "input.text"),
        ("$util.urlEncode", "util.urlEncode"),
        ("$util.toJson('x')", "util.toJson"),
        ("$input.body.matches($input.body)", "not written out"),
        ("$input.body.matches('(a+)+')", "repeats a group"),
        ("$input.body.matches('.*.*x')", "more than one"),
        ("$input.body.matches('[')", "matches"),
    ],
)
def test_what_cannot_run_is_refused_at_the_start(template: str, words: str) -> None:
    with pytest.raises(TemplateTextError, match="mapping template") as caught:
        compile_template(template)
    assert words in str(caught.value)


BOMBS = [
    "#set($s = 'ab')#foreach($i in [1..1000])#set($s = $s + $s)#end",
    '#set($s = "ab")#foreach($i in [1..1000])#set($s = "$s$s")#end',
    "#set($s = 'ab')#foreach($i in [1..1000])#set($s = $s.replace('a', 'aa'))#end",
    "#set($s = 'a')#foreach($i in [1..1000])#set($s = $s.replaceAll('a', 'aa'))#end",
    "#set($n = 2)#foreach($i in [1..1000])#set($n = $n * $n)#end",
    "#set($l = [1])#foreach($i in [1..100])#set($l = [$l, $l])#end$l",
    "#set($l = [1])#set($m = [1])#foreach($i in [1..100])#set($l = [$l, $l])#set($m = [$m, $m])#end"
    "#if($l == $m)x#end",
    "#set($l = [1])$l.add($l)$l",
    "#set($l = [1])#foreach($i in [1..1000])$l.addAll($l)#end",
    "#foreach($i in [1..1000])#foreach($j in [1..1000])#foreach($k in [1..1000])#end#end#end",
    "#foreach($i in [1..1000])#foreach($j in [1..1000])$input.body#end#end",
    "#foreach($i in [1..1000000000])#end",
    "$input.path('$..*..*..*..*')",
    "$input.path('$..*..*[?(@.x)]..*[?(@.x == 1)]')",
    "$input.body.matches('a*b') $input.body.replaceAll('a*b', '')",
]


@pytest.mark.parametrize("template", BOMBS)
def test_no_message_keeps_a_template_busy(template: str) -> None:
    body = json.dumps({"a" * 60_000: {"a": [{"a": [[[1] * 50] * 20] * 10}] * 10}})
    began = time.process_time()
    with pytest.raises(RenderError):
        render(template, body)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "template",
    [
        "$util.base64Decode('a')",
        "#set($p = '$')#foreach($i in [1..1000])#set($p = $p + '.a')#end$input.path($p)",
        "$input.path($input.body)",
        "$input.body.substring(9999999)",
        "$input.body.charAt('x')",
        "#set($x = {'a': 1})$x.put()",
    ],
)
def test_a_call_that_cannot_be_is_an_error_of_the_rendering(template: str) -> None:
    with pytest.raises(RenderError):
        render(template)


def test_a_message_nested_deep_is_an_error_of_the_rendering() -> None:
    deep = '{"a":' + "[" * 800 + "]" * 800 + "}"
    with pytest.raises(RenderError):
        render("#set($x = $input.path('$.a'))$x$x", deep.replace("[]", "[1]"))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("a=1&b=2", "a=1|b=2| a=1&b=2"),
        ('"a&b"', "a|b| a&b"),
        ("", "{} {}"),
        ("null", ""),
    ],
)
def test_a_body_that_is_no_json_is_a_text(body: str, text: str) -> None:
    template = "#foreach($part in $input.path('$').split('&'))$part|#end $input.path('$')"
    rendered = render(template if "&" in body else "$input.path('$') $input.json('$')", body)
    assert rendered == (text or " null")


def test_a_text_in_double_quotes_may_span_lines() -> None:
    template = """
#set ( $name = $input.path('$.text') )
#set( $dq = '"')
Action=Publish&Message=$util.urlEncode("{
${dq}name${dq}: ${dq}$name${dq},
${dq}stage${dq}: ${dq}${context.stage}${dq}
}")
"""
    message = parse_qs(render(template).strip())["Message"][0]
    assert json.loads(message) == {"name": "a-b-c", "stage": "live"}


def test_a_template_cannot_change_what_a_connection_is() -> None:
    authorizer = {"user": "ann"}
    template = compile_template("$context.authorizer.put('user', 'bob')$context.authorizer")
    scope = Scope({"authorizer": authorizer}, "", {"a": "b"})
    assert template.render(scope) == "ann{user=ann}"
    assert authorizer == {"user": "ann"}


def test_what_a_template_changes_is_not_what_came() -> None:
    """Nor can it make a JSON text that never ends."""
    assert render("#set($r = $input.path('$'))$r.put('r', $r)$input.json('$')", {"a": 1}) == (
        '{"a":1}'
    )


def test_what_is_no_text_of_a_client_is_never_a_template() -> None:
    """A message cannot bring directives or variables along."""
    assert render("$input.path('$.t')", {"t": "#set($a = 1)$context.stage"}) == (
        "#set($a = 1)$context.stage"
    )


PIECES = st.sampled_from(
    [
        *("#set(", "#set($a = ", "#if(", "#elseif(", "#else", "#end", "#foreach($x in ", "#break"),
        *("#stop", "##", "#*", "*#", "#[[", "]]#", "#", "$", "\\", "$a", "$x", "${a}", "$!{a}"),
        *("(", ")", "[", "]", "{", "}", ",", ":", "'", '"', "'a'", '"b$a"', "1", "2.5", "true"),
        *(" + ", " - ", "*", "/", "%", "==", "<", "&&", "!", "in", "..", "[0]", ".size()"),
        *(".add($a)", ".put('k', $a)", ".split(',')", ".replaceAll('a', '$1')", ".charAt(1)"),
        *("$input.path('$.a')", "$input.json('$')", "$input.params('q')", "$context.stage"),
        *("$util.escapeJavaScript(", "$util.parseJson($input.body)", "$foreach.index", "\n", " "),
    ]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=14))
def test_whatever_is_written_is_refused_or_rendered(pieces: list[str]) -> None:
    with contextlib.suppress(TemplateTextError, RenderError):
        render(f"#set($a = 'a')#set($x = [1]){''.join(pieces)}")
