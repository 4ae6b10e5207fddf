<?php

namespace App\Http\Controllers;

use App\Work\Parser;
use Illuminate\Http\Request;

class ParseController
{
    public function plain(Request $request): array
    {
        return Parser::answer(Parser::textOf(Parser::decode($request->getContent())));
    }
}
