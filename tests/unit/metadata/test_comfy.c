/* SPDX-License-Identifier: MIT
 * Variants of ComfyUI graphs, made by hand: which text is the prompt, and how certain it is.  Graphs are written with '
 * in place of " (comfy_variants.h).  Where a rule must not depend on classes, nodes have invented classes. */
#include "comfy_variants.h"

/* ------------------------------------------------------------------ texts */

#define INT(value)                  "'44':{'class_type':'PrimitiveInt','inputs':{'value':" value "}},"
#define BOOL(value)                 "'44':{'class_type':'PrimitiveBoolean','inputs':{'value':" value "}},"
#define LINKED(extra, type, inputs) TEXT("['40',0]", NODE(type, inputs) TWO extra)

static const variant switches[] = {
    /* by number */
    {FROM_40("ImpactSwitch", "'select':2,'sel_mode':false,'input1':" A_VASE ",'input2':" A_KITE), "a yellow kite",
     DERIVED, NULL},
    {FROM_40("CR Text Input Switch", "'Input':1,'text1':" A_VASE ",'text2':" A_KITE), "a blue vase", DERIVED, NULL},
    {FROM_40("Frobnicate", "'selected':2,'value_1':" A_VASE ",'value_2':" A_KITE), "a yellow kite", DERIVED, NULL},
    {FROM_40("easy textIndexSwitch", "'index':0,'text0':" A_VASE ",'text1':" A_KITE), "a blue vase", DERIVED, NULL},
    {FROM_40("easy textIndexSwitch", "'index':1,'text0':'a hat','text1':'a coat'"), "a coat", DERIVED, NULL},
    {LINKED(INT("2"), "ImpactSwitch", "'select':['44',0],'input1':" A_VASE ",'input2':" A_KITE), "a yellow kite",
     DERIVED, NULL},
    {LINKED("'44':{'class_type':'ImpactRandomInt','inputs':{'value':2}},", "ImpactSwitch",
            "'select':['44',0],'input1':" A_VASE ",'input2':" A_KITE),
     NULL, NONE, NULL},
    /* this node may count its inputs from 0 or from 1, so index 1 is ambiguous */
    {FROM_40("IndexSwitch", "'index':1,'input1':" A_VASE ",'input2':" A_KITE ",'input3':" A_VASE), NULL, NONE, NULL},
    {FROM_40("IndexSwitch", "'index':2,'input1':" A_VASE ",'input2':" A_KITE), "a yellow kite", DERIVED, NULL},
    /* the input that the switch selects is not connected */
    {FROM_40("ImpactSwitch", "'select':3,'input1':" A_VASE ",'input2':" A_KITE), NULL, NONE, NULL},
    {FROM_40("PromptPicker", "'choice':'text_b','text_a':" A_VASE ",'text_b':" A_KITE), "a yellow kite", DERIVED, NULL},
    /* by a flag */
    {FROM_40("ComfySwitchNode", "'switch':false,'on_true':" A_VASE ",'on_false':" A_KITE), "a yellow kite", DERIVED,
     NULL},
    {FROM_40("LazySwitchKJ", "'switch':true,'on_false':" A_VASE ",'on_true':" A_KITE), "a yellow kite", DERIVED, NULL},
    {FROM_40("easy ifElse", "'boolean':true,'on_true':" A_VASE ",'on_false':" A_KITE), "a blue vase", DERIVED, NULL},
    {FROM_40("If ANY return A else B", "'ANY':1,'IF_TRUE':" A_VASE ",'IF_FALSE':" A_KITE), "a blue vase", DERIVED,
     NULL},
    {FROM_40("ImpactConditionalBranch", "'cond':false,'tt_value':" A_VASE ",'ff_value':" A_KITE), "a yellow kite",
     DERIVED, NULL},
    {FROM_40("CRZSwitch", "'false_input':" A_VASE ",'true_input':" A_KITE ",'value':true"), "a yellow kite", DERIVED,
     NULL},
    {FROM_40("Pick", "'enabled':false,'true_value':'a hat','false_value':'a coat'"), "a coat", DERIVED, NULL},
    {LINKED(BOOL("true"), "Switch any [Crystools]", "'boolean':['44',0],'on_true':" A_VASE ",'on_false':" A_KITE),
     "a blue vase", DERIVED, NULL},
    {LINKED("'44':{'class_type':'LogicNot','inputs':{'value':true}},", "ComfySwitchNode",
            "'switch':['44',0],'on_true':" A_VASE ",'on_false':" A_KITE),
     NULL, NONE, NULL},
    {FROM_40("ComfySwitchNode", "'switch':true,'on_false':" A_KITE), NULL, NONE, NULL},
    {FROM_40("Text Input Switch", "'boolean':false,'text_a':" A_VASE ",'text_b':" A_KITE), "a yellow kite", DERIVED,
     NULL},
    /* a switch that selects by a number among inputs with letters: 2 means the second input, but the meaning of 0 and 1
     * is not clear */
    {FROM_40("TextSwitch", "'select':2,'text_a':" A_VASE ",'text_b':" A_KITE), "a yellow kite", DERIVED, NULL},
    {FROM_40("TextSwitch", "'select':0,'text_a':" A_VASE ",'text_b':" A_KITE), NULL, NONE, NULL},
    {FROM_40("TextSwitch", "'select':1,'text_a':" A_VASE ",'text_b':" A_KITE), NULL, NONE, NULL},
    {FROM_40("TextSwitch", "'select':3,'text_a':" A_VASE ",'text_b':" A_KITE), NULL, NONE, NULL},
    {FROM_40("TextSwitch", "'select':true,'text_a':" A_VASE ",'text_b':" A_KITE), "a blue vase", DERIVED, NULL},
    /* a switch that has an option to invert its flag */
    {FROM_40("Switch", "'switch':true,'invert':true,'on_true':" A_VASE ",'on_false':" A_KITE), NULL, NONE, NULL},
    {FROM_40("Switch", "'switch':true,'invert':false,'on_true':" A_VASE ",'on_false':" A_KITE), "a blue vase", DERIVED,
     NULL},
    /* a switch without a selector takes the first connected input; inputs from bypassed nodes are absent in the file */
    {FROM_40("Any Switch (rgthree)", "'any_01':" A_VASE ",'any_02':" A_KITE), "a blue vase", DERIVED, NULL},
    {FROM_40("Any Switch (rgthree)", "'any_03':" A_KITE ",'any_02':" A_VASE), "a blue vase", DERIVED, NULL},
    {FROM_40("Any Switch (rgthree)", "'any_02':" A_KITE), "a yellow kite", DERIVED, NULL},
    {FROM_40("Super Switch", "'wish':" A_VASE ",'other':" A_KITE), NULL, NONE, NULL},
    {FROM_40("Random Text Switch", "'select':1,'text1':" A_VASE ",'text2':" A_KITE), NULL, NONE, NULL},
    /* a switch whose output is linked to another switch */
    {LINKED("'43':{'class_type':'ComfySwitchNode','inputs':{'switch':false,'on_true':" A_VASE ",'on_false':" A_KITE
            "}},",
            "ImpactSwitch", "'select':1,'input1':['43',0],'input2':" A_VASE),
     "a yellow kite", DERIVED, NULL},
};

static const variant conditioning[] = {
    /* switches between encoders */
    {"{" USUAL "'6':{'class_type':'CR Conditioning Input Switch','inputs':{'Input':2,'conditioning1':['20',0],"
     "'conditioning2':['21',0]}}," ENCODE("20", "'a vase'") ENCODE("21", "'a kite'") LAST "}",
     "a kite", DERIVED, NULL},
    {"{" USUAL "'6':{'class_type':'Any Switch (rgthree)','inputs':{'any_01':['20',0],'any_02':['21',0]}}," ENCODE(
         "20", "'a vase'") ENCODE("21", "'a kite'") LAST "}",
     "a vase", DERIVED, NULL},
    {"{" USUAL
     "'6':{'class_type':'ComfySwitchNode','inputs':{'switch':['77',0],'on_true':['20',0],'on_false':['21',0]}}," ENCODE(
         "20", "'a vase'") ENCODE("21", "'a kite'") LAST "}",
     NULL, NONE, NULL},
    /* nodes that pass conditioning on to the next node */
    {"{" USUAL "'6':{'class_type':'ConditioningSetArea','inputs':{'conditioning':['20',0],'width':64}}," ENCODE(
         "20", "'a vase'") LAST "}",
     "a vase", DERIVED, NULL},
    {"{" USUAL
     "'6':{'class_type':'ConditioningAverage','inputs':{'conditioning_to':['20',0],'conditioning_from':['21',0],"
     "'conditioning_to_strength':1.0}}," ENCODE("20", "'a vase'") ENCODE("21", "'a kite'") LAST "}",
     "a vase", DERIVED, NULL},
    {"{" USUAL
     "'6':{'class_type':'ConditioningAverage','inputs':{'conditioning_to':['20',0],'conditioning_from':['21',0],"
     "'conditioning_to_strength':0.5}}," ENCODE("20", "'a vase'") ENCODE("21", "'a kite'") LAST "}",
     "a vase, a kite", DERIVED, NULL},
    {"{" USUAL "'6':{'class_type':'ConditioningConcat','inputs':{'conditioning_to':['20',0],'conditioning_from':['21',"
     "0]}}," ENCODE("20", "'a vase'")
         ENCODE("21", "['22',0]") "'22':{'class_type':'OllamaGenerate','inputs':{'prompt':'write'}}," LAST "}",
     NULL, NONE, NULL},
    {"{" USUAL "'6':{'class_type':'Reroute','inputs':{'':['20',0]}}," ENCODE("20", "'a vase'") LAST "}", "a vase",
     DERIVED, NULL},
    /* text encoders that have several texts */
    {"{" USUAL "'6':{'class_type':'CLIPTextEncodeSD3','inputs':{'clip_l':'a vase','clip_g':'a vase','t5xxl':'a vase on "
     "a table','clip':['4',1]}}," LAST "}",
     "a vase on a table", DERIVED, NULL},
    {"{" USUAL "'6':{'class_type':'CLIPTextEncodeFlux','inputs':{'clip_l':'','t5xxl':'a "
     "vase','guidance':3.5,'clip':['4',1]}}," LAST "}",
     "a vase", DERIVED, NULL},
    {"{" USUAL
     "'6':{'class_type':'CLIPTextEncodeSDXL','inputs':{'text_g':['41',0],'text_l':['41',0],'clip':['4',1]}}," TWO LAST
     "}",
     "a blue vase", DERIVED, NULL},
    {"{" USUAL
     "'6':{'class_type':'CLIPTextEncodeSDXL','inputs':{'text_g':'a vase','text_l':['77',0],'clip':['4',1]}}," LAST "}",
     NULL, NONE, NULL},
    /* a loader node that also encodes the text */
    {"{" USUAL
     "'6':{'class_type':'Efficient Loader','inputs':{'ckpt_name':'m','positive':'a vase','negative':'bad'}}," LAST "}",
     "a vase", DERIVED, NULL},
    {"{" USUAL
     "'6':{'class_type':'Efficient Loader','inputs':{'ckpt_name':'m','positive':['41',0],'negative':'bad'}}," TWO LAST
     "}",
     "a blue vase", DERIVED, NULL},
    {"{" USUAL
     "'6':{'class_type':'Efficient Loader','inputs':{'ckpt_name':'m','positive':['40',0],'negative':'bad'}}," NODE(
         "SomeWriter", "'prompt':'write a prompt','temperature':0.7") LAST "}",
     NULL, NONE, NULL},
    /* if there is no positive text, the negative prompt and the settings are kept */
    {TEXT("''", ""), NULL, NONE, NULL},
    {TEXT("'  '", ""), NULL, NONE, NULL},
    /* a text node that is not connected to the sampler */
    {"{" USUAL "'6':{'class_type':'LoadConditioning','inputs':{'file':'x'}}," ENCODE("20", "'a vase'") LAST "}", NULL,
     NONE, NULL},
    {"{" USUAL "'6':{'class_type':'ConditioningZeroOut','inputs':{'conditioning':['20',0]}}," ENCODE("20", "'a vase'")
         LAST "}",
     NULL, NONE, NULL},
};

#define TWO_ENCODERS ENCODE("20", "'a vase'") ENCODE("21", "'a kite'")
#define SIDES(slot, type, inputs)                                                                                      \
    "{" MODEL LATENT BAD                                                                                               \
    "'3':{'class_type':'KSampler','inputs':{'seed':5,'steps':20,'cfg':7,'sampler_name':'e','scheduler':'n',"           \
    "'denoise':1,'model':['4',0],'positive':['6'," slot                                                                \
    "],'negative':['7',0],'latent_image':['5',0]}}," DECODE("8", "3")                                                  \
        SAVE("9", "8", "x") "'6':{'class_type':'" type "','inputs':{'positive':['20',0],'negative':['21',0]" inputs    \
                            "}}," TWO_ENCODERS LAST "}"
#define APPENDS(type)                                                                                                  \
    "{" USUAL "'6':{'class_type':'" type                                                                               \
    "','inputs':{'conditioning_to':['20',0],'clip':['4',1],'text':'a box'}}," TWO_ENCODERS LAST "}"

static const variant two_conditionings[] = {
    /* the sampler is linked to a certain output of a node; the number of this output determines the text */
    {SIDES("0", "ControlNetApplyAdvanced", ",'strength':1"), "a vase", DERIVED, NULL},
    {SIDES("1", "ControlNetApplyAdvanced", ",'strength':1"), "a kite", DERIVED, NULL},
    {SIDES("1", "KSampler (Efficient)", ",'model':['4',0]"), "a vase", DERIVED, NULL}, /* output 0 is the model */
    /* a node with its own text and a linked conditioning */
    {APPENDS("GLIGENTextBoxApply"), "a vase", DERIVED, NULL},
    {APPENDS("AppendTextToConditioning"), NULL, NONE, NULL},
};

static const variant made_texts[] = {
    /* for a language model, a captioner or a tagger, the instruction is not the prompt */
    {FROM_40("OllamaGenerateV2", "'system':'You are','prompt':'Write about a fox','keep_context':false"), NULL, NONE,
     NULL},
    {FROM_40("Searge_LLM_Node", "'text':" A_VASE ",'model':'x','max_tokens':4096,'instructions':'Make it long'"), NULL,
     NONE, NULL},
    {FROM_40("PromptEnhancer", "'prompt':" A_VASE), NULL, NONE, NULL},
    {FROM_40("SomethingElse", "'text':" A_VASE), NULL, NONE, NULL},
    {FROM_40("SomethingElse", "'text':'a vase','temperature':0.7"), NULL, NONE, NULL},
    {FROM_40("WD14Tagger|pysssss", "'image':['8',0],'model':'wd','threshold':0.35"), NULL, NONE, NULL},
    {FROM_40("Florence2Run", "'image':['8',0],'text_input':'a vase','task':'caption'"), NULL, NONE, NULL},
    {FROM_40("BLIP Analyze Image", "'image':['8',0],'mode':'caption','question':'what is it'"), NULL, NONE, NULL},
    {FROM_40("Translate", "'text':" A_VASE ",'from_translate':'auto'"), NULL, NONE, NULL},
    /* random and dynamic */
    {FROM_40("DPRandomGenerator", "'text':'a {red|blue} vase','seed':3,'autorefresh':'No'"), NULL, NONE, NULL},
    {FROM_40("RandomPrompt", "'text':'one'"), NULL, NONE, NULL},
    {FROM_40("ImpactWildcardProcessor",
             "'wildcard_text':'a __colour__ vase','populated_text':'a red vase','mode':'populate','seed':3"),
     "a red vase", DERIVED, NULL},
    {FROM_40("ImpactWildcardProcessor", "'wildcard_text':'a __colour__ vase','populated_text':'','mode':'populate'"),
     NULL, NONE, NULL},
    {FROM_40("ImpactWildcardProcessor", "'wildcard_text':'a green vase','populated_text':''"), "a green vase", DERIVED,
     NULL},
    {"{" USUAL "'6':{'class_type':'ImpactWildcardEncode','inputs':{'wildcard_text':'{a|b}','populated_text':'a "
     "jug','clip':['4',1]}}," LAST "}",
     "a jug", DERIVED, NULL},
    {"{" USUAL "'6':{'class_type':'WildcardTextEncode','inputs':{'text':'a {red|blue} jug','clip':['4',1]}}," LAST "}",
     NULL, NONE, NULL},
    {"{" USUAL "'6':{'class_type':'BatchPromptScheduleEncode','inputs':{'text':'0: a jug','clip':['4',1]}}," LAST "}",
     NULL, NONE, NULL},
    /* from files */
    {FROM_40("Text Load Line From File", "'file_path':'prompts.txt','index':0"), NULL, NONE, NULL},
    {FROM_40("LoadTextFile", "'text':'prompts.txt'"), NULL, NONE, NULL},
    {FROM_40("SDXLPromptStyler", "'text_positive':'a vase','text_negative':'bad','style':'sai-anime'"), NULL, NONE,
     NULL},
    /* nodes that show a text: a text that was shown in an earlier run is only a guess */
    {TEXT("['40',0]",
          NODE("ShowText|pysssss", "'text':['30',0],'text_0':'a silver jug'") "'30':{'class_type':'OllamaGenerateV2','"
                                                                              "inputs':{'prompt':'Write'}},"),
     "a silver jug", GUESS, NULL},
    {FROM_40("ShowText|pysssss", "'text':" A_VASE ",'text_0':'a silver jug'"), "a blue vase", DERIVED, NULL},
};

static const variant shown_on_the_way[] = {
    {FROM_40("PreviewAny", "'source':" A_VASE), "a blue vase", DERIVED, NULL},
    {FROM_40("Display Any (rgthree)", "'source':['30',0]"), NULL, NONE, NULL},
    {FROM_40("easy showAnything", "'anything':" A_KITE), "a yellow kite", DERIVED, NULL},
};

static const variant operations[] = {
    {FROM_40("StringConcatenate", "'string_a':" A_VASE ",'string_b':" A_KITE ",'delimiter':' and '"),
     "a blue vase and a yellow kite", DERIVED, NULL},
    {FROM_40("CR Text Concatenate", "'text2':" A_VASE ",'text1':" A_KITE ",'separator':', '"),
     "a yellow kite, a blue vase", DERIVED, NULL},
    {FROM_40("Text Concatenate",
             "'delimiter':', ','clean_whitespace':'true','text_a':'  a jug ','text_b':'','text_c':" A_KITE),
     "a jug, a yellow kite", DERIVED, NULL},
    {FROM_40("Text Concatenate", "'delimiter':'\\\\n','clean_whitespace':'false','text_a':'a','text_b':'b'"), "a\nb",
     DERIVED, NULL},
    {FROM_40("JoinStringMulti",
             "'inputcount':2,'string_1':" A_VASE ",'string_2':" A_KITE ",'delimiter':' ','return_list':false"),
     "a blue vase a yellow kite", DERIVED, NULL},
    {FROM_40("Join", "'prefix':'red','text':'jug','suffix':'hot','delimiter':' '"), "red jug hot", DERIVED, NULL},
    /* a delimiter that is given by its name; goldpan knows the meaning of "none" only for some classes of nodes */
    {FROM_40("Text Concatenate (JPS)", "'delimiter':'comma','text1':" A_VASE ",'text2':'','text3':" A_KITE),
     "a blue vase, a yellow kite", DERIVED, NULL},
    {FROM_40("Text Concatenate (JPS)", "'delimiter':'none','text1':" A_VASE ",'text2':" A_KITE),
     "a blue vasea yellow kite", DERIVED, NULL},
    {FROM_40("PromptCombiner", "'separator':'newline','text_1':" A_VASE ",'text_2':" A_KITE),
     "a blue vase\na yellow kite", GUESS, NULL},
    {FROM_40("PromptCombiner", "'separator':'none','text_1':" A_VASE ",'text_2':" A_KITE), NULL, NONE, NULL},
    {FROM_40("StringConcatenate", "'string_a':" A_VASE ",'string_b':['77',0],'delimiter':' and '"), NULL, NONE, NULL},
    /* the node has no delimiter input, so its delimiter is not known */
    {FROM_40("ConcatText", "'text_a':" A_VASE ",'text_b':" A_KITE), NULL, NONE, NULL},
    {FROM_40("StringReplace", "'string':" A_VASE ",'find':'blue','replace':'red'"), "a red vase", DERIVED, NULL},
    {FROM_40("Text Find and Replace", "'text':'a cat, a cat','find':'cat','replace':'dog'"), "a dog, a dog", DERIVED,
     NULL},
    {FROM_40("CR Text Replace", "'text':'a b c','find1':'a','replace1':'x','find2':'b','replace2':'y'"), "x y c",
     DERIVED, NULL},
    {FROM_40("StringReplace", "'string':'ab','find':'','replace':'x'"), NULL, NONE, NULL},
    {FROM_40("RegexReplace", "'string':'a  fox','regex_pattern':' +','replace':' ','count':0"), NULL, NONE, NULL},
    {FROM_40("RegexExtract", "'string':'a fox','regex_pattern':'f.x','mode':'First Match'"), NULL, NONE, NULL},
    {FROM_40("StripHTML", "'string':'a fox'"), NULL, NONE, NULL},
    {FROM_40("StringTrim", "'string':'  a fox  ','mode':'Both'"), "a fox", DERIVED, NULL},
    {FROM_40("StringTrim", "'string':'  a fox','mode':'Left'"), "a fox", DERIVED, NULL},
    {FROM_40("StringTrim", "'string':'  a fox','mode':'Sideways'"), NULL, NONE, NULL},
    {FROM_40("CaseConverter", "'string':'a Fox','mode':'UPPERCASE'"), "A FOX", DERIVED, NULL},
    {FROM_40("CaseConverter", "'string':'a FOX','mode':'Capitalize'"), "A fox", DERIVED, NULL},
    {FROM_40("CaseConverter", "'string':'a fox-hunt','mode':'Title Case'"), "A Fox-Hunt", DERIVED, NULL},
    {FROM_40("CaseConverter", "'string':'\xC3\xA4','mode':'UPPERCASE'"), NULL, NONE, NULL},
    {FROM_40("StringSubstring", "'string':'a red fox','start':2,'end':-4"), "red", DERIVED, NULL},
    /* positions are counted in characters as in Python, not in bytes; Unicode blanks count as blanks */
    {FROM_40("StringSubstring", "'string':'\xC3\xA4\xE7\x8C\xAB fox','start':1,'end':-1"), "\xE7\x8C\xAB fo", DERIVED,
     NULL},
    {FROM_40("StringSubstring", "'string':'a red fox','start':4,'end':-20"), NULL, NONE, NULL},
    {TEXT(
         "['40',0]",
         NODE(
             "StringConcatenate",
             "'string_a':['41',0],'string_b':'fox','delimiter':''") "'41':{'class_type':'StringTrim','inputs':{'string'"
                                                                    ":'\xC2\xA0 red\xE3\x80\x80','mode':'Both'}},"),
     "redfox", DERIVED, NULL},
    {TEXT("['40',0]", NODE("StringConcatenate", "'string_a':'red','string_b':'fox','delimiter':['41',0]")
                          BOX("41", " \xE2\x80\x94 ")),
     "red \xE2\x80\x94 fox", DERIVED, NULL},
    {FROM_40("StringFunction|pysssss",
             "'action':'append','tidy_tags':'yes','text_a':'a','text_b':'b,,c','text_c':'','result':'old'"),
     "a, b,c", DERIVED, NULL},
    {FROM_40("StringFunction|pysssss",
             "'action':'replace','tidy_tags':'no','text_a':'a cat','text_b':'cat','text_c':'dog'"),
     "a dog", DERIVED, NULL},
    {FROM_40("StringFunction|pysssss",
             "'action':'replace','tidy_tags':'no','text_a':'a cat','text_b':'/c.t/','text_c':'dog'"),
     NULL, NONE, NULL},
    {FROM_40("Text Split", "'text':'a, b','delimiter':','"), NULL, NONE, NULL},
    {FROM_40("CR Prompt Text", "'prompt':'a jug'"), "a jug", DERIVED, NULL},
    {FROM_40("JoinStringMulti", "'inputcount':2,'string_1':'a','string_2':'b','string_3':'c','delimiter':' '"), "a b",
     DERIVED, NULL},
    {FROM_40("JoinStringMulti", "'inputcount':['77',0],'string_1':'a','string_2':'b','delimiter':' '"), NULL, NONE,
     NULL},
    {FROM_40("Text Multiline", "'text':'# a note\\na jug\\n  # another\\n#red cup'"), "a jug", DERIVED, NULL},
    {FROM_40("PrimitiveStringMultiline", "'value':'# a note\\na jug'"), "# a note\na jug", DERIVED, NULL},
    {FROM_40("Text Multiline", "'text':" A_VASE), "a blue vase", DERIVED, NULL},
    {FROM_40("Styles", "'positive':'a jug','negative':'mud'"), "a jug", DERIVED, NULL},
};

static void test_texts(void **state)
{
    (void)state;
    CHECK(switches);
    CHECK(conditioning);
    CHECK(two_conditionings);
    CHECK(made_texts);
    CHECK(shown_on_the_way);
    CHECK(operations);
}

/* A display node writes its text into the editor's graph before the image is saved. */
static void test_shown(void **state)
{
    (void)state;
    const char *graph =
        TEXT("['40',0]", NODE("ShowText|pysssss",
                              "'text':['30',0],'text_0':'of an earlier run'") "'30':{'class_type':'OllamaGenerateV2','"
                                                                              "inputs':{'prompt':'Write'}},");
    static const struct {
        const char *workflow, *prompt;
        int evidence;
    } cases[] = {
        {"{'nodes':[{'id':1,'type':'x'},{'id':40,'type':'ShowText|pysssss','widgets_values':[['a silver jug']]}]}",
         "a silver jug", DERIVED},
        {"{'nodes':[{'id':'40','type':'ShowText|pysssss','widgets_values':['a silver jug']}]}", "a silver jug",
         DERIVED},
        {"{'nodes':[{'id':40,'type':'Other','widgets_values':['a silver jug']}]}", "of an earlier run", GUESS},
        {"{'nodes':[{'id':40,'type':'ShowText|pysssss','widgets_values':['a','b']}]}", "of an earlier run", GUESS},
        {"{'nodes':3}", "of an earlier run", GUESS},
        {"not JSON", "of an earlier run", GUESS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gp_meta meta = read_variant(graph, NULL, cases[i].workflow);
        assert_string_equal(or_none(meta.prompt), cases[i].prompt);
        assert_int_equal(meta.evidence, cases[i].evidence);
        gp_meta_clear(&meta);
    }
}

/* If no node of the graph stores its text in the editor's graph, goldpan does not parse the editor's graph. Reading
 * then needs as many allocations as for a file without the editor's graph. */
static void test_not_shown(void **state)
{
    (void)state;
    gp_error err = {0};
    const char *editor = "{\"nodes\":[{\"id\":40,\"type\":\"PreviewAny\",\"widgets_values\":[\"a silver jug\"]}]}";
    char *graphs[] = {with_quotes(TEXT("['40',0]", NODE("PreviewAny", "'source':['41',0]") TWO)),
                      with_quotes(TEXT("['40',0]", NODE("ShowText|pysssss", "'text':['41',0]") TWO))};
    for (size_t g = 0; g < 2; g++) {
        uint64_t seen[2];
        for (size_t i = 0; i < 2; i++) {
            gp_comfy_file file = {NULL, i ? editor : NULL, i ? strlen(editor) : 0};
            gp_meta meta = {0};
            gp_mem_fail_at(0);
            assert_ok(gp_meta_comfy(graphs[g], strlen(graphs[g]), &file, &meta, &err));
            seen[i] = gp_mem_fail_at(0);
            assert_string_equal(meta.prompt, "a blue vase");
            gp_meta_clear(&meta);
        }
        assert_true(g == 0 ? seen[0] == seen[1] : seen[0] < seen[1]);
        gp_mem_free(graphs[g]);
    }
}

/* ------------------------------------------------------------------ samplers */

#define FIRST                                                                                                          \
    MODEL LATENT BAD ENCODE("6", "'a knight'") ENCODE("20", "'a face'") SAMPLER("3", "5", "6", "5", "1.0")             \
        DECODE("8", "3")
#define SECOND(inputs)                                                                                                 \
    "'21':{'class_type':'KSampler','inputs':{'seed':9,'steps':8,'cfg':7,'sampler_name':'e','scheduler':'n',"           \
    "'model':['4',0],'positive':['20',0],'negative':['7',0]," inputs "}},"
#define AFTER(nodes) "{" FIRST nodes DECODE("22", "21") SAVE("9", "22", "ComfyUI") LAST "}"
#define ADVANCED(id, positive, latent, inputs)                                                                         \
    "'" id "':{'class_type':'KSamplerAdvanced','inputs':{'noise_seed':9,'steps':8,'cfg':7,"                            \
    "'sampler_name':'e','scheduler':'n','model':['4',0],'positive':['" positive                                        \
    "',0],'negative':['7',0],'latent_image':['" latent "',0]," inputs "}},"
#define SCALE "'30':{'class_type':'LatentUpscaleBy','inputs':{'upscale_method':'x','scale_by':2,'samples':['3',0]}},"
#define AGAIN "'30':{'class_type':'VAEEncode','inputs':{'pixels':['8',0],'vae':['4',2]}},"

static const variant passes[] = {
    /* a second pass that changes the image of the first pass, as latents or as pixels */
    {AFTER(SCALE SECOND("'denoise':0.5,'latent_image':['30',0]")), "a knight", DERIVED, NULL},
    {AFTER(AGAIN SECOND("'denoise':0.35,'latent_image':['30',0]")), "a knight", DERIVED, NULL},
    {AFTER(ADVANCED("21", "20", "3", "'add_noise':'disable','start_at_step':4,'end_at_step':8")), "a knight", DERIVED,
     NULL},
    {AFTER(ADVANCED("21", "20", "3", "'add_noise':'enable','start_at_step':4")), "a knight", DERIVED, NULL},
    /* a second pass that starts again from noise */
    {AFTER(AGAIN SECOND("'denoise':1.0,'latent_image':['30',0]")), "a face", DERIVED, NULL},
    {AFTER(ADVANCED("21", "20", "3", "'add_noise':'enable','start_at_step':0")), "a face", DERIVED, NULL},
    /* a second pass with another prompt, which may leave little of the image of the first pass */
    {AFTER(AGAIN SECOND("'denoise':0.95,'latent_image':['30',0]")), "a knight", GUESS, NULL},
    {AFTER(AGAIN SECOND("'denoise':0.85,'latent_image':['30',0]")), "a knight", DERIVED, NULL},
    {AFTER(AGAIN SECOND("'denoise':['65',0],'latent_image':['30',0]") "'65':{'class_type':'RandomFloat','inputs':{}},"),
     "a knight", GUESS, NULL},
    {"{" FIRST SAMPLER("21", "6", "6", "3", "0.95") DECODE("22", "21") SAVE("9", "22", "x") LAST "}", "a knight",
     DERIVED, NULL},
    /* a second pass that starts from noise, but changes only a masked part of the image */
    {AFTER(
         "'30':{'class_type':'VAEEncodeForInpaint','inputs':{'pixels':['8',0],'vae':['4',2],'mask':['31',1]}},"
         "'31':{'class_type':'LoadImage','inputs':{'image':'m.png'}}," SECOND("'denoise':1.0,'latent_image':['30',0]")),
     "a knight", DERIVED, NULL},
    {AFTER("'30':{'class_type':'SetLatentNoiseMask','inputs':{'samples':['3',0],'mask':['31',1]}},"
           "'31':{'class_type':'LoadImage','inputs':{'image':'m.png'}}," SECOND("'denoise':1,'latent_image':['30',0]")),
     "a knight", DERIVED, NULL},
    /* detailers and upscalers, whatever their class name is */
    {"{" FIRST "'21':{'class_type':'FaceDetailer','inputs':{'image':['8',0],'model':['4',0],'positive':['20',0],'"
     "negative':['7',0],"
     "'bbox_detector':['32',0],'seed':9,'steps':20,'cfg':5,'sampler_name':'e','scheduler':'n','denoise':1.0}}," SAVE(
         "9", "21", "x") LAST "}",
     "a knight", DERIVED, NULL},
    {"{" FIRST "'21':{'class_type':'UltimateSDUpscale','inputs':{'image':['8',0],'model':['4',0],'positive':['20',0],'"
     "negative':['7',0],"
     "'upscale_by':2,'seed':9,'steps':20,'cfg':5,'sampler_name':'e','scheduler':'n','denoise':0.2}}," SAVE(
         "9", "21", "x") LAST "}",
     "a knight", DERIVED, NULL},
    {"{" FIRST
     "'21':{'class_type':'HandFixer9000','inputs':{'pixels':['8',0],'detail_pipe':['33',0],'seed':9,'steps':20,'cfg':5,"
     "'sampler_name':'e','scheduler':'n','denoise':0.4}},'33':{'class_type':'MakePipe','inputs':{'model':['4',0],'"
     "positive':['20',0]}}," SAVE("9", "21", "x") LAST "}",
     "a knight", DERIVED, NULL},
    {"{" FIRST "'21':{'class_type':'IterativeUpscale','inputs':{'samples':['3',0],'upscale_factor':2,'steps':3,'"
     "upscaler':['33',0]}},"
     "'33':{'class_type':'PixelKSampleUpscalerProvider','inputs':{'model':['4',0],'vae':['4',2],'positive':['20',0],'"
     "negative':['7',0],"
     "'seed':9,'steps':20,'cfg':5,'sampler_name':'e','scheduler':'n','denoise':0.4}}," DECODE("22", "21")
         SAVE("9", "22", "x") LAST "}",
     "a knight", DERIVED, NULL},
    /* the only sampler starts from an image on the disk */
    {"{" MODEL BAD ENCODE(
         "20",
         "'a face'") "'31':{'class_type':'LoadImage','inputs':{'image':'m.png'}},'30':{'class_type':'VAEEncode',"
                     "'inputs':{'pixels':['31',0],'vae':['4',2]}}," SECOND("'denoise':0.6,'latent_image':['30',0]")
                         DECODE("22", "21") SAVE("9", "22", "x") LAST "}",
     "a face", DERIVED, NULL},
    /* two samplers that share the steps by split sigmas */
    {"{" MODEL LATENT BAD ENCODE("6", "'a knight'")
         ENCODE("20", "'a face'") "'14':{'class_type':'BasicScheduler','inputs':{'steps':8,'denoise':1.0,'scheduler':'"
                                  "n'}},'15':{'class_type':'SplitSigmas','inputs':{'sigmas':['14',0],'step':4}},"
                                  "'3':{'class_type':'SamplerCustom','inputs':{'add_noise':true,'noise_seed':1,'cfg':5,"
                                  "'model':['4',0],'positive':['6',0],'negative':['7',0],"
                                  "'sampler':['16',0],'sigmas':['15',0],'latent_image':['5',0]}},'16':{'class_type':'"
                                  "KSamplerSelect','inputs':{'sampler_name':'e'}},"
                                  "'21':{'class_type':'SamplerCustom','inputs':{'add_noise':true,'noise_seed':1,'cfg':"
                                  "5,'model':['4',0],'positive':['20',0],'negative':['7',0],"
                                  "'sampler':['16',0],'sigmas':['15',1],'latent_image':['3',0]}}," DECODE("22", "21")
                                      SAVE("9", "22", "x") LAST "}",
     "a knight", DERIVED, NULL},
    /* a node combines two images into one */
    {"{" FIRST SAMPLER("21", "6", "20", "5", "1.0")
         DECODE("22", "21") "'33':{'class_type':'ImageBatch','inputs':{'image1':['8',0],'image2':['22',0]}}," SAVE(
             "9", "33", "x") LAST "}",
     NULL, NONE, NULL},
    {"{" FIRST SAMPLER("21", "6", "6", "5", "1.0")
         DECODE("22", "21") "'33':{'class_type':'ImageBatch','inputs':{'image1':['8',0],'image2':['22',0]}}," SAVE(
             "9", "33", "x") LAST "}",
     "a knight", DERIVED, NULL},
    /* a node inserts a face from another image */
    {"{" FIRST SAMPLER("21", "6", "20", "5", "1.0")
         DECODE("22", "21") "'33':{'class_type':'ReActorFaceSwap','inputs':{'input_image':['8',0],'source_image':['22',"
                            "0]}}," SAVE("9", "33", "x") LAST "}",
     "a knight", DERIVED, NULL},
    /* the latents of two samplers are combined, and a third sampler changes the result */
    {"{" FIRST SAMPLER("21", "6", "20", "5",
                       "1.0") "'33':{'class_type':'LatentComposite','inputs':{'samples_to':['3',0],'samples_from':['21'"
                              ",0]}}," ENCODE("34", "'a knight with a face'")
                                  ADVANCED("35", "34", "33", "'add_noise':'disable','start_at_step':4")
                                      DECODE("36", "35") SAVE("9", "36", "x") LAST "}",
     "a knight with a face", GUESS, NULL},
    /* a switch between images */
    {"{" FIRST SAMPLER("21", "6", "20", "5", "1.0") DECODE(
         "22", "21") "'33':{'class_type':'CR Image Input "
                     "Switch','inputs':{'Input':2,'image1':['8',0],'image2':['22',0]}}," SAVE("9", "33", "x") LAST "}",
     "a face", DERIVED, NULL},
    {"{" FIRST SAMPLER("21", "6", "20", "5", "1.0") DECODE(
         "22", "21") "'33':{'class_type':'CR Image Input "
                     "Switch','inputs':{'Input':['77',0],'image1':['8',0],'image2':['22',0]}}," SAVE("9", "33", "x")
                         LAST "}",
     NULL, NONE, NULL},
    /* the saved image was loaded from a file; the graph also generates another image */
    {"{" FIRST "'31':{'class_type':'LoadImage','inputs':{'image':'m.png'}}," SAVE(
         "9", "31", "x") "'10':{'class_type':'PreviewImage','inputs':{'images':['8',0]}}," LAST "}",
     NULL, NONE, NULL},
    /* without a sampler */
    {"{" MODEL ENCODE("6", "'a knight'") LAST "}", "a knight", GUESS, NULL},
    {"{" MODEL ENCODE("6", "'a knight'") ENCODE("20", "'a face'") LAST "}", NULL, NONE, NULL},
};

/* ------------------------------------------------------------------ savers */

#define BRANCHES(one, other)                                                                                           \
    "{" FIRST SAMPLER("21", "6", "20", "5", "1.0") DECODE("22", "21") SAVE("9", "8", one) SAVE("10", "22", other) LAST \
        "}"

static const variant savers[] = {
    {BRANCHES("fox", "sea/lighthouse"), "a knight", DERIVED, "/p/fox_00001_.png"},
    {BRANCHES("fox", "sea/lighthouse"), "a face", DERIVED, "/p/sea/lighthouse_00012_.png"},
    {BRANCHES("fox", "sea/lighthouse"), "a face", DERIVED, "/moved/lighthouse_00012_.png"},
    {BRANCHES("fox", "fox_big"), "a knight", DERIVED, "/p/fox_00001_.png"},
    {BRANCHES("fox", "fox_big"), "a face", DERIVED, "/p/fox_big_00001_.png"},
    {BRANCHES("a/img", "b/img"), "a face", DERIVED, "/p/b/img_00001_.png"},
    {BRANCHES("a/img", "b/img"), NULL, NONE, "/moved/img_00001_.png"},
    {BRANCHES("img", "sea/img"), "a face", DERIVED, "/p/sea/img_00001_.png"},
    {BRANCHES("%date:yyyy-MM-dd%/a", "%date:yyyy-MM-dd%/b"), "a face", DERIVED, "/p/2024-05-06/b_00001_.png"},
    {BRANCHES("x_%KSampler.seed%_low", "x_%KSampler.seed%_high"), "a face", DERIVED, "/p/x_12_high_00001_.png"},
    {BRANCHES("%date%", "fox_%date%"), "a face", DERIVED, "/p/fox_2024_00001_.png"},
    {BRANCHES("a\\\\one", "a\\\\two"), "a face", DERIVED, "/p/a/two_00003_.png"},
    {BRANCHES("fox", "owl"), "a face", DERIVED, "/p/owl_00001_ (1).png"},
    {BRANCHES("ComfyUI", "ComfyUI"), NULL, NONE, "/p/ComfyUI_00001_.png"},
    {BRANCHES("fox", "owl"), NULL, NONE, "/p/renamed.png"},
    {BRANCHES("fox", "owl"), NULL, NONE, NULL},
    /* another class of saving node: prefix and folder are in inputs with other names */
    {"{" FIRST SAMPLER("21", "6", "20", "5", "1.0") DECODE("22", "21")
         SAVE("9", "8", "fox") "'10':{'class_type':'Image "
                               "Save','inputs':{'images':['22',0],'output_path':'[time(%Y)]','filename_prefix':'owl','"
                               "filename_number_padding':4}}," LAST "}",
     "a face", DERIVED, "/p/2024/owl_0001.png"},
    /* two saving nodes with the same prompt: one before and one after an upscaler */
    {"{" FIRST SAVE("9", "8", "x") "'30':{'class_type':'ImageUpscaleWithModel','inputs':{'image':['8',0],'upscale_"
                                   "model':['31',0]}}," SAVE("10", "30", "x") LAST "}",
     "a knight", DERIVED, "/p/x_00001_.png"},
    /* one of the saving nodes saves a loaded image */
    {"{" FIRST SAVE("9", "8", "drawn") "'31':{'class_type':'LoadImage','inputs':{'image':'m.png'}}," SAVE(
         "10", "31", "loaded") LAST "}",
     NULL, NONE, "/p/loaded_00001_.png"},
    {"{" FIRST SAVE("9", "8", "drawn") "'31':{'class_type':'LoadImage','inputs':{'image':'m.png'}}," SAVE(
         "10", "31", "loaded") LAST "}",
     "a knight", DERIVED, "/p/drawn_00001_.png"},
};

/* Two saving nodes write files of the same name into different folders. */
static const variant folders[] = {
    {BRANCHES("upscaled/ComfyUI", "base/ComfyUI"), "a face", DERIVED, "/p/base/day/ComfyUI_00006_.png"},
    {BRANCHES("upscaled/ComfyUI", "base/ComfyUI"), "a knight", DERIVED, "/p/upscaled/ComfyUI_00006_.png"},
    {BRANCHES("upscaled/ComfyUI", "base/ComfyUI"), NULL, NONE, "/p/z/ComfyUI_00003_.png"},
    {BRANCHES("base/ComfyUI", "upscaled/ComfyUI"), NULL, NONE, "ComfyUI_00004_.png"},
    {BRANCHES("base/day/img", "day/img"), "a face", DERIVED, "/p/day/img_00004_.png"},
    {BRANCHES("%date:yyyy%/img", "img"), NULL, NONE, "/p/best/img_00008_.png"},
    {BRANCHES("%date:yyyy%/img", "img"), "a knight", DERIVED, "/p/2024/img_00008_.png"},
    {BRANCHES("sd/ComfyUI", "ComfyUI"), NULL, NONE, "/p/picked/ComfyUI_00010_.png"},
    {BRANCHES("sd/ComfyUI", "ComfyUI"), "a knight", DERIVED, "/p/sd/ComfyUI_00010_.png"},
    {BRANCHES("sd/ComfyUI", "ComfyUI"), "a face", DERIVED, "/p/output/ComfyUI_00010_.png"},
};

#define ONTO(type, below, above)                                                                                       \
    "{" FIRST SAMPLER("21", "6", "20", "5", "1.0") DECODE("22", "21") "'31':{'class_type':'LoadImage','inputs':{'im"   \
                                                                      "age':'m.png'}},'33':{'class_type':'" type       \
                                                                      "','inputs':{" below "," above                   \
                                                                      "}}," SAVE("9", "33", "x") LAST "}"

/* Tests graphs in which one image is pasted onto another. */
static const variant composites[] = {
    {ONTO("ImageCompositeMasked", "'destination':['8',0]", "'source':['22',0]"), NULL, NONE, NULL},
    {ONTO("ImageCompositeMasked", "'destination':['8',0]", "'source':['31',0]"), "a knight", DERIVED, NULL},
    {ONTO("ImageCompositeMasked", "'destination':['31',0]", "'source':['22',0]"), "a face", DERIVED, NULL},
    {ONTO("ImagePaste", "'base':['8',0]", "'overlay':['22',0]"), NULL, NONE, NULL},
    {ONTO("PutOn", "'base_image':['8',0]", "'overlay':['22',0]"), NULL, NONE, NULL},
    {ONTO("ImageBlend", "'image1':['8',0]", "'image2':['22',0]"), NULL, NONE, NULL},
};

static void test_makers(void **state)
{
    (void)state;
    CHECK(passes);
    CHECK(savers);
    CHECK(folders);
    CHECK(composites);
}

#define LOADED(nodes, image)                                                                                           \
    "{" FIRST nodes "'31':{'class_type':'LoadImage','inputs':{'image':'m.png'}}," SAVE("9", image, "x") LAST "}"

/* If the image has no prompt, `where` states the reason. */
static void test_reasons(void **state)
{
    (void)state;
    static const struct {
        const char *graph, *where;
    } cases[] = {
        {TEXT("''", ""), "no prompt: its text is empty"},
        {TEXT("['41',0]", BOX("41", "")), "no prompt: its text is empty"},
        {LOADED("", "31"), "no prompt: the saved image was loaded from a file by node 31 LoadImage"},
        {LOADED("'32':{'class_type':'ImageScale','inputs':{'image':['31',0],'width':64}},", "32"),
         "no prompt: the saved image was loaded from a file by node 31 LoadImage"},
        {LOADED("'32':{'class_type':'CloudImageEdit','inputs':{'image':['31',0],'prompt':'a jug'}},", "32"),
         "no prompt: no sampler made this image"},
        {"{'31':{'class_type':'LoadImage','inputs':{'image':'m.png'}}," SAVE("9", "31", "x") LAST "}",
         "no prompt: the saved image was loaded from a file by node 31 LoadImage"},
        {"{" MODEL DECODE("8", "3") SAVE("9", "8", "x") LAST "}", "no prompt: the graph has no sampler"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gp_meta meta = read_variant(cases[i].graph, NULL, NULL);
        assert_null(meta.prompt);
        assert_string_equal(meta.where, cases[i].where);
        gp_meta_clear(&meta);
    }
}

/* Settings that are equal for all saving nodes are kept, even if the image has no prompt. */
static void test_settings(void **state)
{
    (void)state;
    gp_meta empty = read_variant(TEXT("''", ""), NULL, NULL);
    assert_string_equal(setting(&empty, "seed"), "5");
    assert_string_equal(setting(&empty, "steps"), "20");
    assert_string_equal(empty.negative, "bad");
    gp_meta any = read_variant(BRANCHES("fox", "owl"), NULL, NULL),
            owl = read_variant(BRANCHES("fox", "owl"), "/p/owl_00001_.png", NULL);
    assert_string_equal(setting(&any, "seed"), "");
    assert_string_equal(setting(&any, "steps"), "20");
    assert_string_equal(setting(&owl, "seed"), "6");
    gp_meta second = read_variant(AFTER(SCALE SECOND("'denoise':0.5,'latent_image':['30',0]")), NULL, NULL);
    assert_string_equal(setting(&second, "steps"), "20");
    assert_string_equal(setting(&second, "seed"), "5");
    assert_string_equal(setting(&second, "hires_steps"), "8");
    assert_string_equal(setting(&second, "hires_scale"), "2");
    assert_string_equal(setting(&second, "hires_denoising_strength"), "0.5");
    gp_meta_clear(&second);
    gp_meta_clear(&owl);
    gp_meta_clear(&any);
    gp_meta_clear(&empty);
}

/* Checks whether goldpan reads the LoRAs of a loader with `count` inputs: ckpt_name, lora_name_1, lora_name_2, ... */
static void expect_loras(const char *type, int count, bool read)
{
    gp_str s = GP_STR_INIT;
    gp_str_printf(&s, "{'4':{'class_type':'%s','inputs':{'ckpt_name':'m.ckpt'", type);
    for (int i = 1; i < count; i++) gp_str_printf(&s, ",'lora_name_%d':'%s'", i, i == 1 ? "pen" : "None");
    gp_str_puts(&s, "}}," LATENT BAD SAMPLER("3", "5", "6", "5", "1.0") DECODE("8", "3") SAVE("9", "8", "x")
                        ENCODE("6", "'a cat'") LAST "}");
    gp_meta meta = read_variant(s.data, NULL, NULL);
    assert_string_equal(setting(&meta, "loras"), read ? "pen" : "");
    gp_meta_clear(&meta);
    gp_str_clear(&s);
}

/* The search for LoRAs takes quadratic time, so goldpan does not search the inputs of a loader that has too many. */
static void test_loras(void **state)
{
    (void)state;
    expect_loras("LoRA Stacker", 199, true);
    expect_loras("LoRA Stacker", 200, false);
    expect_loras("Efficient Loader", 1023, true);
    expect_loras("Efficient Loader", 1024, false);
    expect_loras("Efficient Loader", 100000, false);
}

/* Tests graphs that would take exponential time if goldpan walked the graph again for every path. */
static void test_hostile(void **state)
{
    (void)state;
    gp_str s = GP_STR_INIT;
    gp_str_puts(&s, "{" MODEL BAD);
    for (int i = 0; i < 10000; i++) {
        gp_str_printf(&s, SAVE("v%d", "s%d", "x"), i, i);
        gp_str_printf(
            &s,
            "'s%d':{'class_type':'K','inputs':{'positive':['e%d',0],'seed':1,'steps':1,'cfg':1,'denoise':0.5,"
            "'latent_a':['s%d',0],'latent_b':['s%d',0]}},'e%d':{'class_type':'ImpactSwitch','inputs':{'select':1,"
            "'input1':['e%d',0],'input2':['e%d',0]}},",
            i, i, (i + 1) % 10000, (i + 7) % 10000, i, (i + 1) % 10000, (i + 3) % 10000);
    }
    gp_str_puts(&s, LAST "}");
    gp_meta meta = read_variant(s.data, "/p/x_00001_.png", NULL);
    assert_null(meta.prompt);
    gp_meta_clear(&meta);
    gp_str_clear(&s);
    gp_str_puts(&s, "{" USUAL "'6':{'class_type':'CLIPTextEncode','inputs':{'text':['40',0]}},'40':{'class_type':'Join'"
                    ",'inputs':{'delimiter':','");
    for (int i = 0; i < 60000; i++) gp_str_printf(&s, ",'ref_image_%d':['40',0],'text_%d':['40',0]", i, i);
    gp_str_puts(&s, "}}," LAST "}");
    meta = read_variant(s.data, NULL, NULL);
    assert_null(meta.prompt);
    gp_meta_clear(&meta);
    gp_str_clear(&s);
    /* a node with 100,000 more image inputs: goldpan must not search all inputs again for each of these inputs */
    gp_str_puts(&s, "{" USUAL ENCODE("6", "'a cat'") SAVE("10", "40", "x") "'40':{'class_type':'Put','inputs':{"
                                                                           "'image':['8',0]");
    for (int i = 0; i < 100000; i++) gp_str_printf(&s, ",'source_%d':['41',0]", i);
    gp_str_puts(&s, "}},'41':{'class_type':'LoadImage','inputs':{'image':'m.png'}}," LAST "}");
    meta = read_variant(s.data, "/p/x_00001_.png", NULL);
    assert_string_equal(meta.prompt, "a cat");
    assert_int_equal(meta.evidence, DERIVED);
    gp_meta_clear(&meta);
    gp_str_clear(&s);
}

/* If memory runs out, there is no result. In particular, goldpan must not return a result from another saving node,
 * text or setting. */
static void test_memory(void **state)
{
    (void)state;
    static const variant cases[] = {
        {BRANCHES("%date:yyyy%/img", "img"), "a knight", DERIVED, "/p/2024/img_00008_.png"},
        {BRANCHES("fox", "owl"), NULL, NONE, NULL},
        {"{" FIRST SAMPLER("21", "20", "20", "5", "1.0") DECODE("22", "21")
             SAVE("9", "8", "fox") "'10':{'class_type':'SaveImage','inputs':{'images':['22',0],'filename_prefix':['40',"
                                   "0]}}," NODE("StringConcatenate", "'string_a':'o','string_b':'wl','delimiter':''")
                                       LAST "}",
         "a face", DERIVED, "/p/owl_00001_.png"},
        {FROM_40("ShowText|pysssss", "'text':['41',0]"), "a blue vase", DERIVED, NULL},
        {FROM_40("StringConstantMultiline", "'string':'a jug\\non a table','strip_newlines':true"), "a jug\non a table",
         DERIVED, NULL},
    };
    const char *editor = "{\"nodes\":[{\"id\":40,\"type\":\"ShowText|pysssss\",\"widgets_values\":[[\"a jug\"]]}]}";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *graph = with_quotes(cases[i].graph);
        gp_status st = GP_ERR_MEMORY;
        for (uint64_t n = 1; st != GP_OK; n++) {
            gp_error err = {0};
            gp_meta meta = {0};
            gp_comfy_file file = {cases[i].path, editor, strlen(editor)};
            int64_t before = gp_mem_live();
            gp_mem_fail_at(n);
            st = gp_meta_comfy(graph, strlen(graph), &file, &meta, &err);
            uint64_t seen = gp_mem_fail_at(0);
            if (st == GP_OK) {
                assert_true(seen < n); /* none failed unnoticed */
                assert_string_equal(or_none(meta.prompt), or_none(cases[i].prompt));
                assert_int_equal(meta.evidence, cases[i].evidence);
            } else {
                assert_int_equal(st, GP_ERR_MEMORY);
                assert_true(err.message[0]);
            }
            gp_meta_clear(&meta);
            assert_int_equal(gp_mem_live(), before);
            assert_true(n < 100000);
        }
        gp_mem_free(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),  cmocka_unit_test(test_shown),   cmocka_unit_test(test_not_shown),
        cmocka_unit_test(test_makers), cmocka_unit_test(test_reasons), cmocka_unit_test(test_settings),
        cmocka_unit_test(test_loras),  cmocka_unit_test(test_hostile), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
